"""RFC 6962 Merkle trees as pure functions: roots, proofs, and what verifies them.

A tree of `size` leaves is made of *perfect subtrees*: `(height, index)` stands for the leaves
`index << height` up to `(index + 1) << height`. Whoever can give the hash of each perfect subtree
(a `Node` function, over tiles on disk or hashes in memory) can give every root and every proof.

Source: RFC 6962 section 2.1; verification of consistency as RFC 9162 section 2.1.4.2 has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
MAX_SIZE: Final = 2**63 - 1
"""Leaves; more would not fit what other clients count in."""

Node = Callable[[int, int], bytes]
"""`(height, index)` of a perfect subtree to its 32-byte hash."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry as a leaf."""
    return sha256(b"\0" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The hashes of entries as leaves; in one place because this is where appends spend time."""
    return [sha256(b"\0" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two hashes."""
    return sha256(b"\1" + left + right).digest()


def subtrees(start: int, stop: int) -> list[tuple[int, int]]:
    """The perfect subtrees that make up the leaves start to stop, from left to right.

    `start` must be a multiple of the largest power of two that is not above `stop - start`, as it
    is for every range that a proof names.
    """
    found = []
    while start < stop:
        height = (stop - start).bit_length() - 1
        found.append((height, start >> height))
        start += 1 << height
    return found


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root above perfect subtrees that get smaller from left to right."""
    if not peaks:
        return EMPTY_ROOT
    above = peaks[-1]
    for peak in reversed(peaks[:-1]):
        above = node_hash(peak, above)
    return above


def range_hash(start: int, stop: int, node: Node) -> bytes:
    """The hash over the leaves start to stop; over 0 to size it is the root."""
    return fold([node(height, index) for height, index in subtrees(start, stop)])


def perfect_levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """All complete nodes above consecutive hashes: level 0 the hashes, each next half as many."""
    levels = [list(hashes)]
    while len(below := levels[-1]) > 1:
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([sha256(b"\1" + left + right).digest() for left, right in pairs])
    return levels


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes in memory."""
    levels = perfect_levels(leaves)
    return range_hash(0, len(leaves), lambda height, index: levels[height][index])


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes prove leaf `index`, from its sibling up to the root's child."""
    start, stop, path = 0, size, []
    while stop - start > 1:
        middle = start + left_width(stop - start)
        if index < middle:
            path.append((middle, stop))
            stop = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes prove that the tree of size `new` begins with that of `old`."""
    if old in (0, new):
        return []
    start, stop, path = 0, new, []
    while old != stop:
        middle = start + left_width(stop - start)
        if old <= middle:
            path.append((middle, stop))
            stop = middle
        else:
            path.append((start, middle))
            start = middle
    if start:
        path.append((start, stop))
    return path[::-1]


def proof(ranges: Iterable[tuple[int, int]], node: Node) -> tuple[bytes, ...]:
    """The hashes of the ranges that a proof names."""
    return tuple(range_hash(start, stop, node) for start, stop in ranges)


def verify_inclusion(
    leaf: bytes, index: int, size: int, hashes: Sequence[bytes], root: bytes
) -> bool:
    """Whether `leaf` (a leaf hash) stands at `index` in the tree of `size` leaves under `root`."""
    if not 0 <= index < size <= MAX_SIZE or any(len(h) != HASH_SIZE for h in hashes):
        return False
    ranges = inclusion_ranges(index, size)
    if len(ranges) != len(hashes):
        return False
    above = leaf
    for (start, _), sibling in zip(ranges, hashes, strict=True):
        left_of_us = start < index
        above = node_hash(sibling, above) if left_of_us else node_hash(above, sibling)
    return above == root


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, hashes: Sequence[bytes]
) -> bool:
    """Whether the tree (`new`, `new_root`) begins with the tree (`old`, `old_root`)."""
    if not 0 <= old <= new <= MAX_SIZE or any(len(h) != HASH_SIZE for h in hashes):
        return False
    if old == new:
        return not hashes and old_root == new_root
    if old == 0:
        return not hashes and old_root == EMPTY_ROOT
    path = [old_root, *hashes] if old & (old - 1) == 0 else list(hashes)
    if not path:
        return False
    return _consistent(old, new, path) == (old_root, new_root)


def _consistent(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The old and the new root that a path leads to, or None where it has the wrong length."""
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    above_old = above_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if here & 1 or here == last:
            above_old, above_new = node_hash(sibling, above_old), node_hash(sibling, above_new)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            above_new = node_hash(above_new, sibling)
        here, last = here >> 1, last >> 1
    return (above_old, above_new) if last == 0 else None


def left_width(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)
