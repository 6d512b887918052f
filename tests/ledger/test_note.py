"""Signed notes: the vectors of golang.org/x/mod/sumdb/note, strictness, and other people's keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, IntegrityError, LimitError
from strongroom.keys.keypair import generate
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.note import VerifierKey, open_note, sign_note

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETERS_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
    "tpRZb6KE6RyyBwJnAM=\n"
)
ENOCHS_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWL"
    "ox33WWd1RvMc+QQ=\n"
)
NOTE = f"{TEXT}\n{PETERS_LINE}".encode()


@dataclass(frozen=True)
class Raw:
    raw: bytes


class Peter:
    """Signs with the seed of the published vector."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(PETERS_SEED)
        self.public = Raw(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def test_the_published_note_is_signed_byte_for_byte():
    assert sign_note(TEXT, VerifierKey.parse(PETER), Peter()) == NOTE


@pytest.mark.parametrize("line", [PETER, ENOCH])
def test_published_verifier_keys_are_read_and_written(line):
    assert str(VerifierKey.parse(line)) == line


def test_the_published_notes_open_with_either_key():
    both = f"{TEXT}\n{PETERS_LINE}{ENOCHS_LINE}".encode()
    assert open_note(both, VerifierKey.parse(PETER)) == TEXT
    assert open_note(both, VerifierKey.parse(ENOCH)) == TEXT


def test_a_note_that_only_others_signed_is_refused():
    with pytest.raises(IntegrityError, match="not signed by EnochRoot"):
        open_note(NOTE, VerifierKey.parse(ENOCH))


def test_a_bad_signature_by_our_key_is_refused_even_beside_a_good_one():
    bad = base64.b64encode(VerifierKey.parse(PETER).key_id + bytes(64)).decode()
    note = NOTE + f"— PeterNeumann {bad}\n".encode()
    with pytest.raises(IntegrityError, match="does not fit"):
        open_note(note, VerifierKey.parse(PETER))


def test_sixteen_unknown_signatures_are_no_obstacle():
    others = "".join(
        f"— witness{i}.example {base64.b64encode(bytes([i]) * 5000).decode()}\n" for i in range(7)
    )
    more = ENOCHS_LINE * 9
    assert open_note(f"{TEXT}\n{others}{more}{PETERS_LINE}".encode(), VerifierKey.parse(PETER))


@given(st.integers(0, len(PETER) - 1), st.characters(codec="ascii"))
def test_a_changed_verifier_key_is_refused(at, character):
    changed = PETER[:at] + character + PETER[at + 1 :]
    if changed.strip() == PETER:
        return
    with pytest.raises(InputError):
        VerifierKey.parse(changed)


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(at, mask):
    changed = NOTE[:at] + bytes([NOTE[at] ^ mask]) + NOTE[at + 1 :]
    with pytest.raises(IntegrityError):
        open_note(changed, VerifierKey.parse(PETER))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        TEXT.encode(),
        TEXT.encode() + b"\n",
        NOTE[:-1],
        b"\x01" + NOTE,
        b"\xff" + NOTE,
        NOTE.replace(b"\n", b"\r\n"),
        NOTE + b"Unexpected line.\n",
        NOTE + b"\n",
    ],
)
def test_malformed_notes_are_refused(note):
    with pytest.raises(IntegrityError):
        open_note(note, VerifierKey.parse(PETER))


def test_a_huge_note_is_refused_unread():
    with pytest.raises(LimitError):
        open_note(NOTE + PETERS_LINE.encode() * 1000, VerifierKey.parse(PETER))


@pytest.mark.parametrize("name", ["", "two words", "plus+plus", "tab\t", "no\N{NO-BREAK SPACE}"])
def test_key_names_hold_no_spaces_and_plus_signs(name):
    with pytest.raises(InputError):
        VerifierKey(name, bytes(32))


def test_only_ed25519_keys_sign_checkpoints():
    signer = generate("ecdsa-p256")
    with pytest.raises(InputError):
        Checkpoint("ledger.example", 0, bytes(32)).sign(signer)


@pytest.mark.parametrize(
    "text",
    [
        "ledger.example\n",
        "ledger.example\n1\n",
        "ledger.example\n01\n" + "A" * 43 + "=\n",
        "ledger.example\n-1\n" + "A" * 43 + "=\n",
        "ledger.example\n1\nAAAA\n",
        "ledger.example\n9223372036854775808\n" + "A" * 43 + "=\n",
        "other.example\n1\n" + "A" * 43 + "=\n",
        "ledger.example\n1\n" + "A" * 42 + "B=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text):
    signer = generate()
    key = VerifierKey("ledger.example", signer.public.raw)
    with pytest.raises(IntegrityError):
        Checkpoint.open(sign_note(text, key, signer), key)


def test_extension_lines_and_cosignatures_are_let_through():
    signer = generate()
    key = VerifierKey("ledger.example", signer.public.raw)
    text = "ledger.example\n7\n" + "A" * 43 + "=\nextension\n"
    note = sign_note(text, key, signer) + ENOCHS_LINE.encode()
    assert Checkpoint.open(note, key) == Checkpoint("ledger.example", 7, bytes(32))
