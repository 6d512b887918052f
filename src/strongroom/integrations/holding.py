"""What an artifact root holds: the signed list of its files, one after each change of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from strongroom.domain.canonical import canonical, parse_time, plain
from strongroom.domain.digests import Digest, sha256_of_tree
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.domain.statement import Statement, Subject
from strongroom.home.home import Home
from strongroom.home.leaf import Leaf
from strongroom.integrations.places import checked_path, within
from strongroom.integrations.vouching import vouched
from strongroom.keys.trust import ARTIFACTS_TYPE
from strongroom.registry.statements import SealedFile

HOLDING_TYPE: Final = ARTIFACTS_TYPE


@dataclass(frozen=True, slots=True)
class Holding:
    """All files of a root, as of one change."""

    root: str
    number: int
    """Counts the changes of this root, from 1."""
    files: tuple[SealedFile, ...]
    """Sorted by path."""
    wrapped_key: bytes
    """The root's data key, wrapped by the KMS in the root's context."""
    kms: str
    at: datetime
    frozen: bool = False
    """Whether this is the last list: what was promoted does not change."""

    def below(self, path: str | None) -> tuple[SealedFile, ...]:
        """The files that are `path` or below it."""
        return tuple(file for file in self.files if within(file.path, path))

    def tree(self, path: str | None = None) -> Digest:
        """The digest that evidence and decisions know the folder by, or that of the one file."""
        files = self.below(path)
        if len(files) == 1 and files[0].path == path:
            return files[0].digest
        cut = len(path) + 1 if path else 0
        return sha256_of_tree({file.path[cut:]: file.digest for file in files})

    def to_statement(self) -> Statement:
        """As an in-toto statement whose subjects are the files."""
        predicate = plain(
            {
                "system": self.root,
                "number": self.number,
                "files": [{"path": f.path, "size": f.size, "object": f.object} for f in self.files],
                "wrapped_key": base64.b64encode(self.wrapped_key).decode("ascii"),
                "kms": self.kms,
                "at": self.at,
                "frozen": self.frozen,
            }
        )
        subjects = tuple(Subject(f.path, f.digest) for f in self.files)
        return Statement(HOLDING_TYPE, subjects, predicate)

    @classmethod
    def from_statement(cls, statement: Statement) -> Holding:
        """Read back. Raises InputError."""
        try:
            return _holding(statement.predicate, statement)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise InputError(f"malformed {HOLDING_TYPE}: {error!r}") from error


def newest(home: Home, root: str) -> Holding | None:
    """What the root holds now, verified; None when nothing was ever put there.

    The index only points, so the ledger is counted: an index that was turned back to an older list,
    or that hides the root, is found because the ledger has more lists of it than the number says.
    """
    # Before the index is asked: what is logged by now has its row, whoever else adds meanwhile.
    logged = _logged(home, root)
    record = next(home.records(HOLDING_TYPE, system=root), None)
    holding = None
    if record is not None:
        holding = Holding.from_statement(vouched(home, record, root))
    if len(logged) > (holding.number if holding else 0):
        raise IntegrityError(
            "the index gives an older list of files than the ledger has",
            where=root,
            fix="delete index.sqlite: it is rebuilt; and find out who changed it",
        )
    return holding


def _logged(home: Home, root: str) -> set[Digest]:
    """Every list of this root that the ledger has, by statement."""
    mark = canonical(root)
    leaves = (Leaf.parse(e, where="ledger") for e in home.ledger.entries() if mark in e)
    return {leaf.statement for leaf in leaves if (leaf.kind, leaf.system) == (HOLDING_TYPE, root)}


def _holding(raw: Mapping[str, Any], statement: Statement) -> Holding:
    files = tuple(
        SealedFile(checked_path(f["path"]), s.digest, int(f["size"]), Digest.parse(f["object"]))
        for f, s in zip(raw["files"], statement.subjects, strict=True)
        if f["path"] == s.name
    )
    if len(files) != len(statement.subjects) or len({f.path for f in files}) != len(files):
        raise ValueError("each file once, with its digest")
    return Holding(
        raw["system"],
        int(raw["number"]),
        files,
        base64.b64decode(raw["wrapped_key"], validate=True),
        raw["kms"],
        parse_time(raw["at"]),
        raw["frozen"] is not False,
    )
