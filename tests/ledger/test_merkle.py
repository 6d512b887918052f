"""The tree of RFC 6962: published vectors, pymerkle as an oracle, and properties."""

from __future__ import annotations

import random

import pymerkle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.ledger import merkle

# The leaves and roots of the reference implementation of RFC 6962 (certificate-transparency,
# merkletree tests), which every later implementation repeats.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 1): (),
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}


class Tree:
    """Some entries, all nodes above them, and what is proved of them."""

    def __init__(self, entries: list[bytes]) -> None:
        self.leaves = merkle.leaf_hashes(entries)
        self.levels = merkle.perfect_levels(self.leaves)

    def root(self, size: int) -> bytes:
        return merkle.range_hash(0, size, self.node)

    def node(self, height: int, index: int) -> bytes:
        return self.levels[height][index]

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        return merkle.proof(merkle.inclusion_ranges(index, size), self.node)

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return merkle.proof(merkle.consistency_ranges(old, new), self.node)


def tree_of(size: int) -> Tree:
    return Tree([f"entry {i}".encode() for i in range(size)])


def flipped(data: bytes, bit: int) -> bytes:
    at = bit % (8 * len(data))
    return data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert merkle.root([]).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_vectors(size):
    assert merkle.root(merkle.leaf_hashes(LEAVES[:size])).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("place", "hashes"), INCLUSION.items())
def test_inclusion_proofs_are_those_of_the_reference_vectors(place, hashes):
    assert tuple(h.hex() for h in Tree(LEAVES).inclusion(*place)) == hashes


@pytest.mark.parametrize(("sizes", "hashes"), CONSISTENCY.items())
def test_consistency_proofs_are_those_of_the_reference_vectors(sizes, hashes):
    assert tuple(h.hex() for h in Tree(LEAVES).consistency(*sizes)) == hashes


@pytest.mark.parametrize("size", [*range(1, 20), *random.Random(6962).sample(range(20, 3000), 8)])
def test_pymerkle_says_the_same_about_roots_and_proofs(size):
    entries = [f"entry {i}".encode() for i in range(size)]
    ours, oracle, some = Tree(entries), pymerkle.InmemoryTree(), random.Random(size)
    oracle.append_entries(entries)
    for _ in range(6):
        new = some.randint(1, size)
        old, index = some.randint(1, new), some.randrange(new)
        assert ours.root(new) == oracle.get_root(new)
        theirs = oracle.prove_inclusion(index + 1, new).path
        assert list(ours.inclusion(index, new)) == theirs[1:]
        before, after = oracle.get_root(old), oracle.get_root(new)
        assert merkle.verify_consistency(old, before, new, after, ours.consistency(old, new))
        pymerkle.verify_consistency(
            ours.root(old), ours.root(new), oracle.prove_consistency(old, new)
        )


@given(st.integers(1, 700), st.data())
def test_every_entry_can_be_proved_in_every_tree_that_has_it(size, data):
    index = data.draw(st.integers(0, size - 1))
    tree = tree_of(size)
    leaf, hashes = tree.leaves[index], tree.inclusion(index, size)
    assert merkle.verify_inclusion(leaf, index, size, hashes, tree.root(size))


@given(st.integers(2, 700), st.integers(0), st.data())
def test_a_changed_inclusion_proof_does_not_verify(size, bit, data):
    index = data.draw(st.integers(0, size - 1))
    tree = tree_of(size)
    leaf, hashes, root = tree.leaves[index], tree.inclusion(index, size), tree.root(size)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))
    at = data.draw(st.integers(0, len(hashes) - 1))
    changed = (*hashes[:at], flipped(hashes[at], bit), *hashes[at + 1 :])
    assert not merkle.verify_inclusion(leaf, index, size, changed, root)
    assert not merkle.verify_inclusion(leaf, index, size, hashes[:-1], root)
    assert not merkle.verify_inclusion(leaf, index, size, (*hashes, root), root)
    assert not merkle.verify_inclusion(tree.leaves[other], index, size, hashes, root)
    assert not merkle.verify_inclusion(leaf, other, size, hashes, root)
    assert not merkle.verify_inclusion(leaf, index, size, hashes, flipped(root, bit))


@given(st.integers(1, 700), st.data())
def test_every_tree_is_proved_to_begin_with_every_smaller_one(new, data):
    old = data.draw(st.integers(0, new))
    tree = tree_of(new)
    hashes = tree.consistency(old, new)
    assert merkle.verify_consistency(old, tree.root(old), new, tree.root(new), hashes)


@given(st.integers(2, 700), st.integers(0), st.data())
def test_a_changed_consistency_proof_does_not_verify(new, bit, data):
    old = data.draw(st.integers(1, new - 1))
    tree = tree_of(new)
    before, after, hashes = tree.root(old), tree.root(new), tree.consistency(old, new)
    at = data.draw(st.integers(0, len(hashes) - 1))
    changed = (*hashes[:at], flipped(hashes[at], bit), *hashes[at + 1 :])
    assert not merkle.verify_consistency(old, before, new, after, changed)
    assert not merkle.verify_consistency(old, before, new, after, hashes[:-1])
    assert not merkle.verify_consistency(old, before, new, after, (*hashes, before))
    assert not merkle.verify_consistency(old, flipped(before, bit), new, after, hashes)
    assert not merkle.verify_consistency(old, before, new, flipped(after, bit), hashes)
    assert not merkle.verify_consistency(new, after, old, before, hashes)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_a_rewritten_beginning_is_not_consistent(old, more, data):
    tree, changed_at = tree_of(old + more), data.draw(st.integers(0, old - 1))
    entries = [f"entry {i}".encode() for i in range(old + more)]
    entries[changed_at] = b"rewritten"
    rewritten = Tree(entries)
    hashes, root = rewritten.consistency(old, old + more), rewritten.root(old + more)
    assert not merkle.verify_consistency(old, tree.root(old), old + more, root, hashes)


@given(
    st.integers(-2, 2**64),
    st.integers(-2, 2**64),
    st.lists(st.binary(max_size=40), max_size=70),
    st.binary(max_size=33),
)
def test_verifiers_answer_no_to_any_nonsense(one, other, hashes, root):
    assume(root != merkle.EMPTY_ROOT)
    assert not merkle.verify_inclusion(b"leaf", one, other, hashes, root)
    assert not merkle.verify_consistency(one, b"old", other, root, hashes)
