"""`strongroom ledger`: inspect the transparency log, prove what is in it, verify it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError, IntegrityError
from strongroom.ledger import Ledger, VerifierKey, verify_tlog_proof
from strongroom.ledger.files import read_limited, store_errors
from strongroom.ledger.log import read_key
from strongroom.ledger.note import MAX_NOTE
from strongroom.ledger.proof import MAX_PROOF
from strongroom.ledger.tiles import MAX_ENTRY
from strongroom.ledger.verify import Progress as Told
from strongroom.ledger.verify import Verification, verify_folder

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Inspect and verify the transparency log."
)

KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="The log's verifier key line, or a file that holds it."),
]
SHOWN: Final = 10
"""Entries that `show` lists."""


@app.command()
def verify(
    home: HomeOption = HOME,
    older: Annotated[
        Path | None, typer.Option(help="A checkpoint that you kept: finds a tail that was cut.")
    ] = None,
    key: KeyOption = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Derive the whole log again from its entries and say what is not as it was signed.

    Without --key the key that lies beside the log is used: that finds damage, but not somebody who
    replaced log and key together. Exit 0 verified, 1 problems found, 2 could not tell.
    """
    folder = home / "ledger"
    trusted = _key(key, folder)
    kept = None if older is None else read_limited(older, MAX_NOTE)
    with _bar() as progress:
        result = verify_folder(folder, trusted, older=kept, progress=progress)
    if output is Format.JSON:
        write_json(
            {
                "verified": result.verified,
                "checked": result.checked,
                "problems": [{"path": p.path, "reason": p.reason} for p in result.problems],
            }
        )
    else:
        _tell(result, trusted)
    if not result.verified:
        raise typer.Exit(1 if result.problems else 2)


@app.command()
def show(
    home: HomeOption = HOME,
    index: Annotated[int | None, typer.Argument(help="Print this entry, byte for byte.")] = None,
    checkpoint: Annotated[
        bool, typer.Option("--checkpoint", help="Print the signed checkpoint, to be kept.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show the newest checkpoint and the last entries; or one entry; or the signed checkpoint."""
    ledger = Ledger.open(home / "ledger")
    if index is not None or checkpoint:
        data = ledger.checkpoint() if index is None else ledger.entry(index)
        sys.stdout.buffer.write(data)
        return
    head = ledger.head
    if output is Format.JSON:
        write_json(
            {
                "origin": head.origin,
                "size": head.size,
                "root": head.root.hex(),
                "key": str(ledger.key),
                "checkpoint": ledger.checkpoint().decode(),
            }
        )
        return
    people.print(Text.assemble(("log   ", "bold"), head.origin))
    people.print(Text.assemble(("size  ", "bold"), str(head.size)))
    people.print(Text.assemble(("root  ", "bold"), head.root.hex()))
    people.print(Text.assemble(("key   ", "bold"), str(ledger.key)), soft_wrap=True)
    table = Table("index", box=None)
    table.add_column("entry", no_wrap=True, overflow="ellipsis")
    first = max(head.size - SHOWN, 0)
    for number, entry in enumerate(ledger.entries(first, head.size), first):
        table.add_row(str(number), Text(_one_line(entry)))
    people.print(table)


@app.command()
def prove(
    index: Annotated[int, typer.Argument(help="The entry to prove.", min=0)],
    target: Annotated[Path, typer.Option("--output", "-o", help="The proof file to write.")],
    home: HomeOption = HOME,
) -> None:
    """Write a tlog-proof@v1 file: it proves offline that the entry is logged."""
    proof = Ledger.open(home / "ledger").proof(index)
    with store_errors(target):
        target.write_bytes(proof)
    people.print(f"wrote {target}: entry {index}, {len(proof)} bytes")


@app.command("check-proof")
def check_proof(
    proof: Annotated[Path, typer.Argument(help="A tlog-proof@v1 file.")],
    entry: Annotated[Path, typer.Argument(help="The entry, byte for byte.")],
    key: Annotated[str, typer.Option("--key", help="The log's verifier key, or a file with it.")],
    output: FormatOption = Format.TEXT,
) -> None:
    """Check a proof offline: needs no log, only its key. Exit 0 proven, 1 not, 2 could not tell."""
    trusted = _parse_key(key)
    data, claimed = read_limited(proof, MAX_PROOF), read_limited(entry, MAX_ENTRY)
    try:
        proven = verify_tlog_proof(data, claimed, trusted, where=str(proof))
    except IntegrityError as error:
        if output is Format.JSON:
            write_json({"verified": False, "reason": error.what})
        people.print(Text.assemble(("not proven: ", "bold red"), error.what), soft_wrap=True)
        raise typer.Exit(1) from None
    if output is Format.JSON:
        write_json({"verified": True, "index": proven.index, "size": proven.size})
    people.print(
        f"proven: entry {proven.index} of the first {proven.size} of {trusted.name}", soft_wrap=True
    )


@app.command()
def recover(home: HomeOption = HOME) -> None:
    """Publish what is logged but was not published before a crash or power cut. Needs no key."""
    with Ledger.open(home / "ledger") as ledger:
        ledger.publish()
        people.print(f"published: {ledger.size} entries")


def _key(given: str | None, folder: Path) -> VerifierKey:
    return read_key(folder) if given is None else _parse_key(given)


def _parse_key(given: str) -> VerifierKey:
    if "+" in given:
        return VerifierKey.parse(given, where="--key")
    try:
        return VerifierKey.parse(read_limited(Path(given), MAX_NOTE).decode("ascii"), where=given)
    except UnicodeDecodeError as error:
        raise InputError("not a verifier key line", where=given) from error


def _tell(result: Verification, key: VerifierKey) -> None:
    for problem in result.problems:
        people.print(
            Text.assemble((f"{problem.path}: ", "bold red"), problem.reason), soft_wrap=True
        )
    if result.verified:
        people.print(f"verified: {result.checked} entries of {key.name}, as they were signed")
    elif not result.problems:
        people.print("could not tell: the ledger has no entries")
    else:
        people.print("not verified", style="bold red")


def _one_line(entry: bytes) -> str:
    text = entry[:200].decode("utf-8", errors="replace")
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(entry) <= 200 else shown + "…"


@contextmanager
def _bar() -> Iterator[Told]:
    columns = (TextColumn("reading entries"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=people,
        transient=True,
        disable=not people.is_terminal,
    ) as progress:
        task = progress.add_task("entries")
        yield lambda done, total: progress.update(task, completed=done, total=total)
