"""`strongroom verify`: check a bundle, a signed model or one signed statement, offline."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.cli.signatures import SignatureOptions
from strongroom.domain.errors import InputError, StrongroomError
from strongroom.keys.dsse import MAX_ENVELOPE, Envelope
from strongroom.keys.trust import MAX_FILE, TrustPolicy
from strongroom.ledger.history import Problem
from strongroom.registry.gather import vouch
from strongroom.report.layout import INDEX
from strongroom.report.verify import Verification, verify_bundle

app = typer.Typer(add_completion=False)


@app.command()
def verify(
    path: Annotated[
        Path, typer.Argument(help="An audit bundle, a signed model, or one *.dsse.json statement.")
    ],
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="The trust policy: who may sign what. Not from PATH."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="For a model: the signer's public key."),
    ] = None,
    ca: Annotated[
        list[Path] | None,
        typer.Option("--ca", metavar="FILE", help="For a model: who certified the signer."),
    ] = None,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="A model's; else PATH/model.sig."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Judge a model's signature as of then; now."),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Trust nothing but what you name: no network, no database, no store.

    Exit 0 verified, 1 something is not as it was signed, 2 could not tell.
    """
    policy = None if trust is None else _policy(trust, path)
    options = SignatureOptions(signature, tuple(key or ()), tuple(ca or ()), at)
    if options.about(path) and not (path / INDEX).is_file():
        result = options.judge(path, policy)
    elif policy is None:
        raise InputError("whose signature shall count?", fix="give --trust FILE")
    else:
        result = verify_bundle(path, policy) if path.is_dir() else _statement(path, policy)
    if form is Format.JSON:
        write_json(
            {
                "verified": result.verified,
                "checked": result.checked,
                "problems": result.problems,
                "story": result.story,
            }
        )
    else:
        _show(path, result)
    raise typer.Exit(0 if result.verified else 1)


def _policy(trust: Path, path: Path) -> TrustPolicy:
    if trust.resolve().is_relative_to(path.resolve()):
        raise InputError(
            "the trust policy lies in what it shall judge",
            where=str(trust),
            fix="take it from somebody you trust, apart from the bundle",
        )
    return TrustPolicy.parse(_read(trust, MAX_FILE), where=str(trust))


def _statement(path: Path, policy: TrustPolicy) -> Verification:
    """One signed statement, as of now: nothing here says when it was signed."""
    data = _read(path, MAX_ENVELOPE)
    try:
        vouched = vouch(
            Envelope.from_bytes(data, where=str(path)), policy, datetime.now(UTC), where=str(path)
        )
    except StrongroomError as error:
        return Verification(1, (Problem(path.name, error.what),))
    statement = vouched.statement
    story = [f"{statement.predicate_type} {statement.digest}", f"Signed by {vouched.signers[0]}."]
    story += [f"It is about {s.name} {s.digest}." for s in statement.subjects]
    story.append(f"That it was logged, and when, only a bundle with its {INDEX} can show.")
    return Verification(1, (), tuple(story))


def _read(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise InputError(f"more than {limit} bytes", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _show(path: Path, result: Verification) -> None:
    for line in result.story:
        people.print(Text(f"  {line}"), soft_wrap=True)
    for problem in result.problems:
        said = Text.assemble(("  ✗ ", "bold red"), (problem.path, "bold"), f": {problem.reason}")
        people.print(said, soft_wrap=True)
    word = ("VERIFIED ", "bold green") if result.verified else ("NOT VERIFIED ", "bold red")
    found = f", {len(result.problems)} did not hold" if result.problems else ""
    people.print(Text.assemble(word, f"{path}: {result.checked} checks{found}"), soft_wrap=True)
