"""Digests name bytes, and a malformed one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.digests import Digest, blake3_of, sha256, sha256_of, sha256_of_tree
from strongroom.domain.errors import InputError


def test_sha256_of_nothing_is_the_published_value():
    assert (
        str(sha256(b""))
        == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_blake3_of_nothing_is_the_published_value():
    assert blake3_of([]).hex == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


@given(st.lists(st.binary(max_size=50)))
def test_chunking_does_not_change_a_digest(chunks):
    assert sha256_of(chunks) == sha256(b"".join(chunks))


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:ABC", "md5:" + "0" * 32, "sha256:" + "g" * 64, "0" * 64]
)
def test_what_is_not_a_digest_is_refused_with_the_right_form(text):
    with pytest.raises(InputError, match="64 hex digits"):
        Digest.parse(text)


def test_a_folder_changes_its_digest_when_a_file_moves():
    one, two = sha256(b"1"), sha256(b"2")
    before = sha256_of_tree({"a": one, "b": two})
    assert before == sha256_of_tree({"b": two, "a": one})
    assert before != sha256_of_tree({"a": two, "b": one})
    assert before != sha256_of_tree({"a": one})
