"""Run by the crash tests: append forever, and say on stdout what was acknowledged.

    python crashing.py FOLDER SEED [LIMIT]

The signer's seed lies in FOLDER.key. Each line is `first stop`, written after `append` returned.
With LIMIT no file may grow beyond that many bytes: what a full disk is to whoever writes.
"""

from __future__ import annotations

import os
import random
import resource
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.ledger import Ledger
from strongroom.ledger.note import Public


class Raw:
    """An Ed25519 public key."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


class Seeded:
    """An Ed25519 signer from a seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: Public = Raw(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def entry(index: int) -> bytes:
    """What stands at an index: a length that depends on it, up to 40 kB now and then."""
    some = random.Random(index)
    size = some.choice([0, 30, 300, 300, 300, 2000, 40_000])
    return f"{index} ".encode() + some.randbytes(size)


def main(folder: Path, seed: int) -> None:
    some = random.Random(seed)
    signer = Seeded((folder.parent / f"{folder.name}.key").read_bytes())
    ledger = Ledger.open(folder, signer, pace=some.choice([0, 0, 0.02, 10]))
    while True:
        first = ledger.size
        count = some.choice([1, 1, 3, 50, 300])
        there = ledger.append([entry(i) for i in range(first, first + count)])
        os.write(1, f"{there.start} {there.stop}\n".encode())


if __name__ == "__main__":
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    main(Path(sys.argv[1]), int(sys.argv[2]))
