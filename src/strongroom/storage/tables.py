"""The tables. Every row but those of `about` can be made again from objects and ledger."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

VERSION: Final = 1
"""Of the schema below; raise it together with a step in `upgrades.py`."""

metadata: Final = MetaData()
_Serial: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of type INTEGER."""

about: Final = Table(
    "about",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""`schema`: version of these tables; `home`: id of the home whose index this is."""

records: Final = Table(
    "records",
    metadata,
    Column("sequence", _Serial, primary_key=True, autoincrement=True),
    Column("envelope", String(80), nullable=False, unique=True),
    Column("statement", String(80), nullable=False),
    Column("kind", String(200), nullable=False),
    Column("system", String(200)),
    Column("check", String(200)),
    Column("leaf", Text, nullable=False),
    Column("ledger_index", BigInteger, unique=True),
    Index("records_statement", "statement"),
    Index("records_kind", "kind", "system", "check"),
)
"""One signed envelope each. `leaf` is its ledger entry; without `ledger_index` it waits for one."""

versions: Final = Table(
    "versions",
    metadata,
    Column("version", String(80), primary_key=True),
    Column("system", String(200), nullable=False),
    Column("statement", String(80), nullable=False),
    Index("versions_system", "system"),
)
"""Sealed versions, by the statement that seals them."""

moves: Final = Table(
    "moves",
    metadata,
    Column("system", String(200), primary_key=True),
    Column("stage", String(20), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", String(80), nullable=False),
    Column("below", Integer),
    Column("statement", String(80), nullable=False),
)
"""What stood in a stage, move after move from 1; the highest number stands there now. Who moves
inserts the next number, and of two who insert the same one the key lets in only the first.
`below` is the move that a rollback returns to."""
