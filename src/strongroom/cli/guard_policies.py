"""`strongroom guard policy`: sign a policy, say who vouches for it, show what it does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strongroom.cli.guard_setup import home_at
from strongroom.cli.options import HOME, HomeOption, key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import TrustError
from strongroom.guard.policy import Policy, load_policy
from strongroom.guard.signing import Signed, read_file, sign_policy, verify_policy
from strongroom.keys.trust import TrustPolicy

app = typer.Typer()
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A guard policy.")]
ByOption = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Your key, with the role guard-policy.")
]


@app.command()
def sign(
    file: FileArgument,
    name: ByOption,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Sign a policy: FILE.dsse beside it, and a line in the ledger.

    STRONGROOM_KEY_PASSPHRASE opens your key. Its `revision` must be newer than the last one signed.
    """
    with home_at(home) as opened:
        signed = sign_policy(opened, file, name, key_passphrase())
    _tell(signed, form, "signed")


@app.command()
def verify(
    file: FileArgument,
    trust: Annotated[
        Path | None, typer.Option("--trust", metavar="FILE", help="A trust.json, without a home.")
    ] = None,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Say who vouches for a policy. Exit 0 somebody trusted does, 2 nobody does."""
    path = trust or home / "trust.json"
    keys = TrustPolicy.parse(read_file(path), where=str(path))
    _tell(verify_policy(file, read_file(file), keys, datetime.now(UTC)), form, "vouched for")


@app.command()
def show(file: FileArgument, form: FormatOption = Format.TEXT) -> None:
    """Show what a policy does: its level with its own changes, and what it lets pass until when.

    Exit 0; 1 if something that it lets pass has ended.
    """
    policy = load_policy(file)
    today = datetime.now(UTC).date()
    rows = list(_rows(policy))
    ended = [entry for entry in policy.file.allow if entry.until < today]
    if form is Format.JSON:
        own = policy.file
        write_json(
            {"name": own.name, "revision": own.revision, "level": own.level.value,
             "enforce": policy.enforce, "on_failure": policy.on_failure.value,
             "digest": str(policy.digest),
             "actions": [dict(zip(("kind", "source", "steps"), row, strict=True)) for row in rows],
             "allow": [{"kind": e.kind, "owner": e.owner, "reason": e.reason,
                        "until": e.until.isoformat(), "ended": e in ended} for e in own.allow]}
        )  # fmt: skip
    else:
        _print(policy, rows, ended)
    raise typer.Exit(int(bool(ended)))


def _print(policy: Policy, rows: list[tuple[str, str, dict[str, float]]], ended: list[Any]) -> None:
    out = Console(highlight=False)
    table = Table("kind", "source", "from which score on")
    for kind, source, steps in rows:
        table.add_row(kind, source, ", ".join(f"{name} {score:g}" for name, score in steps.items()))
    out.print(table)
    for entry in policy.file.allow:
        style = "red" if entry in ended else "green"
        said = f"lets {entry.kind} pass until {entry.until}: {entry.reason} ({entry.owner})"
        out.print(Text(said, style=style), soft_wrap=True)
    own = policy.file
    revision = f", revision {own.revision}" if own.revision else ""
    people.print(f"{own.name}{revision}, level {own.level.value}, {policy.digest}")


def _rows(policy: Policy) -> Any:
    for kind, by_source in sorted(policy.actions.items()):
        for source, steps in by_source:
            if steps is not None:
                yield kind, source, {n: s for n, s in steps if s is not None}


def _tell(signed: Signed, form: Format, what: str) -> None:
    own = signed.policy.file
    if not signed.signers:
        raise TrustError("nobody signed it")
    if form is Format.JSON:
        write_json(
            {"name": own.name, "revision": signed.revision, "file": str(signed.file),
             "policy": str(signed.policy.digest), "signers": list(signed.signers)}
        )  # fmt: skip
    else:
        by = ", ".join(signed.signers)
        people.print(f"[green]{what}[/] {own.name}, revision {signed.revision}, by {by}")
