import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.assess.wire import Ended, Progress, decode, encode
from strongroom.domain.errors import InputError
from strongroom.domain.evidence import Curve, Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

TEXT = st.text()
numbers = st.floats(-1e15, 1e15)
messages = st.one_of(
    st.builds(
        Finding,
        rule=TEXT,
        outcome=st.sampled_from(Outcome),
        message=TEXT,
        severity=st.sampled_from(Severity),
        where=st.none() | TEXT,
        fix=st.none() | TEXT,
        facts=st.dictionaries(TEXT, numbers | TEXT | st.booleans()),
        references=st.lists(TEXT).map(tuple),
    ),
    st.tuples(TEXT, st.lists(numbers, min_size=3, max_size=3).map(sorted)).map(
        lambda t: Metric(t[0], t[1][1], t[1][0], t[1][2], 3)
    ),
    st.lists(st.tuples(numbers, numbers)).map(lambda p: Curve("roc", "x", "y", tuple(p), tuple(p))),
    st.builds(Progress, st.integers(0, 10**6), st.integers(0, 10**6)),
    st.builds(Ended, st.none() | TEXT, TEXT),
)


@given(messages)
def test_what_is_said_is_what_is_heard(message):
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_our_own_error(line):
    with contextlib.suppress(InputError):
        decode(line)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"finding":{}}',
        b'{"metric":{"name":"auc","value":2,"low":3,"high":1,"n":1}}',
        b'{"metric":{"name":"auc","value":"2","low":3,"high":1,"n":1}}',
        b'{"curve":{"points":[[1]],"band":[]}}',
        b'{"progress":{"done":"x","total":1}}',
        b'{"ended":{"how":1}}',
        b'{"shout":{}}',
        b'{"finding":{},"metric":{}}',
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(InputError):
        decode(line)


@pytest.mark.parametrize("thing", [1, "text", None, object()])
def test_a_check_cannot_say_anything_else(thing):
    with pytest.raises(InputError, match="says findings"):
        encode(thing)
