"""tlog-proof@v1 files: they verify alone, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import IntegrityError
from strongroom.keys.keypair import generate
from strongroom.ledger import VerifierKey, merkle, verify_tlog_proof
from strongroom.ledger.checkpoint import Checkpoint
from strongroom.ledger.proof import TlogProof

ORIGIN = "ledger.example/proofs"
SIGNER = generate()
KEY = VerifierKey(ORIGIN, SIGNER.public.raw)


def prove(index: int, size: int) -> tuple[bytes, bytes]:
    """A proof file and its entry."""
    entries = [f"entry {i}".encode() for i in range(size)]
    levels = merkle.perfect_levels(merkle.leaf_hashes(entries))

    def node(height: int, index: int) -> bytes:
        return levels[height][index]

    note = Checkpoint(ORIGIN, size, merkle.range_hash(0, size, node)).sign(SIGNER)
    hashes = merkle.proof(merkle.inclusion_ranges(index, size), node)
    return TlogProof(index, hashes, note).to_bytes(), entries[index]


def test_the_file_is_laid_out_as_specified():
    proof, _ = prove(2, 3)
    lines = proof.decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 2"]
    assert len(lines[2]) == 44
    assert lines[3:6] == ["", ORIGIN, "3"]


def test_the_only_entry_needs_no_hashes():
    proof, entry = prove(0, 1)
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + ORIGIN.encode())
    assert verify_tlog_proof(proof, entry, KEY).size == 1


@given(st.integers(1, 300), st.data())
def test_each_proof_verifies_and_says_where(size, data):
    index = data.draw(st.integers(0, size - 1))
    proof, entry = prove(index, size)
    proven = verify_tlog_proof(proof, entry, KEY)
    assert (proven.index, proven.size) == (index, size)


@given(st.binary(max_size=200))
def test_extra_data_is_carried_and_not_trusted(extra):
    proof, entry = prove(3, 9)
    parts = TlogProof.parse(proof)
    with_extra = TlogProof(parts.index, parts.hashes, parts.checkpoint, extra)
    assert TlogProof.parse(with_extra.to_bytes()) == with_extra
    assert verify_tlog_proof(with_extra.to_bytes(), entry, KEY).index == 3


def test_every_changed_byte_of_a_proof_is_found():
    proof, entry = prove(5, 11)
    for at in range(len(proof)):
        for mask in (0x01, 0x20, 0x80):
            changed = proof[:at] + bytes([proof[at] ^ mask]) + proof[at + 1 :]
            with pytest.raises(IntegrityError):
                verify_tlog_proof(changed, entry, KEY)


@given(st.binary(max_size=50))
def test_another_entry_is_not_proven(entry):
    with pytest.raises(IntegrityError):
        verify_tlog_proof(prove(5, 11)[0], entry, KEY)


def test_another_logs_key_does_not_verify():
    proof, entry = prove(5, 11)
    with pytest.raises(IntegrityError):
        verify_tlog_proof(proof, entry, VerifierKey(ORIGIN, generate().public.raw))


@settings(max_examples=200)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_hostile_bytes_raise_nothing_but_our_error(data):
    whole = prove(5, 11)[0]
    for proof in (
        data,
        whole[: len(data)] + data,
        whole + data,
        b"c2sp.org/tlog-proof@v1\n" + data,
    ):
        if proof == whole:
            continue
        with pytest.raises(IntegrityError):
            verify_tlog_proof(proof, b"entry 5", KEY)
