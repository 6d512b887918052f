"""`strongroom versions`: the sealed versions, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import format_time, plain
from strongroom.domain.decision import Stage
from strongroom.domain.digests import Digest
from strongroom.home.home import Home
from strongroom.home.sealed_keys import SealedKeys
from strongroom.home.wrappings import DESTROYED, Shredding
from strongroom.registry.reading import Version
from strongroom.registry.registry import Registry
from strongroom.registry.statements import Move

app = typer.Typer(add_completion=False)


@app.command()
def versions(
    system: Annotated[str | None, typer.Argument(metavar="[SYSTEM]")] = None,
    history: Annotated[bool, typer.Option(help="Show every move between stages too.")] = False,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """List sealed versions, newest first, each verified by signature and ledger."""
    with Home.open(home) as opened:
        registry = Registry(opened)
        found = registry.versions(system)
        keys = SealedKeys(opened)
        gone = {v.digest: s for v in found if (s := keys.shredding(v.seal.wrapping)) is not None}
        names = sorted({v.seal.system for v in found}) if history else []
        moves = [move for name in names for s in Stage for move in registry.history(name, s)]
    if form is Format.JSON:
        documents = [_document(v, gone.get(v.digest)) for v in found]
        write_json({"versions": documents, "moves": plain(moves)})
    elif not found:
        people.print("no version is sealed here yet; `strongroom promote` seals one")
    else:
        people.print(_versions(found, gone))
        if moves:
            people.print(_moves(moves))


def _document(version: Version, gone: Shredding | None) -> dict[str, object]:
    seal = version.seal
    return {
        "system": seal.system,
        "version": version.digest,
        "stages": version.stages,
        "sealed_at": seal.at,
        "shredded": {"action": gone.action, "at": gone.at, "by": gone.by, "reason": gone.reason}
        if gone
        else None,
        "decision": seal.decision,
        "files": [{"path": f.path, "size": f.size, "digest": f.digest} for f in seal.files],
        "about": {s.name: s.digest for s in seal.about},
    }


def _versions(found: tuple[Version, ...], gone: Mapping[Digest, Shredding]) -> Table:
    table = _table("System", "Version", "Stands in", "Sealed", "Files", "Bytes")
    for version in found:
        seal = version.seal
        table.add_row(
            seal.system,
            version.digest.short,
            _state(version, gone.get(version.digest)),
            f"{seal.at:%Y-%m-%d %H:%M:%S}",
            str(len(seal.files)),
            f"{sum(f.size for f in seal.files):,}",
        )
    return table


def _state(version: Version, gone: Shredding | None) -> Text:
    """Where it stands, and whether it can still be opened."""
    said = Text(", ".join(version.stages) or "-", "green" if version.stages else "dim")
    if gone is None:
        return said
    word = "shredded" if gone.action == DESTROYED else "shredding not ended"
    return Text(word, "red") + (Text(" ") + said if version.stages else Text())


def _moves(moves: list[Move]) -> Table:
    table = _table("System", "Stage", "#", "Move", "Version", "At")
    for move in moves:
        at = format_time(move.at.replace(microsecond=0))
        number = str(move.number)
        table.add_row(move.system, move.stage, number, move.action, move.version.short, at)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
