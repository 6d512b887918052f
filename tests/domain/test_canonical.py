"""Canonical bytes: one record, one spelling; hostile JSON is refused with a reason."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.canonical import (
    MAX_DEPTH,
    canonical,
    digest_of,
    format_time,
    parse_json,
    parse_time,
    plain,
)
from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.outcome import Outcome

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  (what is refused)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_reads_back_and_writes_the_same_again(value):
    try:
        written = canonical(value)
    except InputError:  # a lone surrogate in a key
        return
    assert canonical(parse_json(written, where="test")) == written


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_change_the_digest(value):
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_the_example_of_rfc_8785_section_3_2_3_sorts_by_utf16_code_units():
    value = {"€": 1, "\r": 2, "1": 3, "😀": 4, "\u0080": 5, "ö": 6, "\ufb33": 7}
    keys = list(json.loads(canonical(value)))
    assert keys == ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"]


def test_a_record_is_written_by_its_fields():
    @dataclass(frozen=True)
    class Record:
        outcome: Outcome
        at: datetime

    at = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=8)))
    assert plain(Record(Outcome.PASS, at)) == {"outcome": "pass", "at": "2026-11-22T04:00:00Z"}


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), NAIVE, object(), 2**60, 2.0**60, "\ud800"]
)
def test_what_json_cannot_hold_is_an_input_error(value):
    with pytest.raises(InputError):
        canonical({"x": value})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"{", "not JSON"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":NaN}', "NaN"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_malformed_json_names_the_place_and_the_reason(text, word):
    with pytest.raises(InputError, match=word) as caught:
        parse_json(text, where="bundle/x.json")
    assert caught.value.where == "bundle/x.json"


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_deep_json_meets_a_limit_and_not_the_stack(depth):
    with pytest.raises(LimitError, match="nested"):
        parse_json(b"[" * depth + b"]" * depth, where="x")


def test_large_json_meets_a_limit_before_it_is_parsed():
    with pytest.raises(LimitError, match="11 bytes of JSON, 10 allowed"):
        parse_json(b'"123456789"', where="x", limit=10)


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_raise_an_input_error(data):
    with suppress(InputError):
        parse_json(data, where="x")


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_writing(at):
    assert parse_time(format_time(at)) == at


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-22T10:00:00", "now", "", None])
def test_times_without_a_zone_are_refused(text):
    with pytest.raises(InputError):
        parse_time(text)


def test_a_digest_of_a_value_is_the_digest_of_its_bytes():
    assert digest_of({"b": 1, "a": [True, None]}) == sha256(b'{"a":[true,null],"b":1}')
