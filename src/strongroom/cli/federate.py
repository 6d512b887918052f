"""`strongroom federate`: train a fraud model with other banks, each row at home."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from strongroom.assess.dp.ledger import Budget
from strongroom.cli.federate_demo import app as demo_app
from strongroom.cli.options import HOME, HomeOption, key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError
from strongroom.federated import certificates, parties
from strongroom.federated.bank import Line, take_part
from strongroom.federated.coordinator import Place, coordinate
from strongroom.federated.models import Model, to_bytes
from strongroom.federated.parties import open_party
from strongroom.federated.plan import MAX_FILE, parse_plan, public_key
from strongroom.federated.rounds import Rounds
from strongroom.federated.spending import Spender
from strongroom.federated.tables import read_rows
from strongroom.federated.tasks import Finished
from strongroom.home.home import Home, system_clock
from strongroom.storage.files import told, write_file

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Train a fraud model with other banks, each row at home.",
)
app.add_typer(demo_app)
PartyArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The party's own folder.")]
HostOption = Annotated[str, typer.Option("--host", help="The coordinator's address.")]


@app.command()
def authority(folder: PartyArgument) -> None:
    """Make a federation's certificate authority: its key and its own certificate."""
    parties.make_authority(folder, key_passphrase(), _now())
    people.print(f"an authority in {folder}; give every party its authority.pem")


@app.command()
def enrol(folder: PartyArgument) -> None:
    """Make a party's folder and key; prints the public key, for the authority and the plan."""
    typer.echo(parties.enrol(folder, key_passphrase()).raw.hex())


@app.command()
def admit(
    folder: Annotated[Path, typer.Argument(metavar="AUTHORITY", help="The authority's folder.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the party is called.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="What `enrol` printed.")],
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Where the two certificates go.")
    ] = Path(),
) -> None:
    """Certify a party's key under a name."""
    try:
        public = public_key(key)
    except ValueError as error:
        raise InputError("a key is 64 hexadecimal digits", where=key[:80]) from error
    parties.admit(open_party(folder, key_passphrase()), name, public, _now(), into)
    people.print(f"{name}: certificate.pem and authority.pem in {into}")


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan.toml.")],
    form: FormatOption = Format.TEXT,
) -> None:
    """Check a plan, and print the digest that all parties compare."""
    with told(file), file.open("rb") as source:
        read = parse_plan(source.read(MAX_FILE + 1), where=str(file))
    if form is Format.JSON:
        write_json({"digest": str(read.digest), **read.model_dump(mode="json")})
        return
    typer.echo(str(read.digest))
    people.print(
        f"{read.system}: {len(read.members)} banks, {read.threshold} at least, "
        f"{read.rounds} rounds of {read.model.kind}, {read.aggregation.rule}"
    )


@app.command("coordinate")
def coordinate_(
    folder: PartyArgument,
    home: HomeOption = HOME,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 is any.")] = 7443,
    port_file: Annotated[
        Path | None, typer.Option("--port-file", metavar="FILE", help="Write the port here.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the model here.")
    ] = None,
) -> None:
    """Run the training of the folder's plan, from the last round that the home has on record.

    Exit 0 when it is done, 2 when too few banks take part.
    """
    party = open_party(folder, key_passphrase())
    agreed = party.plan
    context = certificates.tls(folder, party.secret, server=True)

    def ready(number: int) -> None:
        people.print(f"listening on {host}:{number}, plan {agreed.digest.short}")
        if port_file is not None:
            write_file(port_file, str(number).encode())

    with Home.open(home, create=True) as opened, _progress() as bar:
        rounds = Rounds(opened, agreed)
        last = rounds.last()
        line = bar.add_task("rounds", total=agreed.rounds, completed=last[1] if last else 0)

        def watch(done: Finished) -> None:
            bar.update(line, completed=done.round)
            loss = "" if done.loss is None else f", loss before it {done.loss:.4f}"
            people.print(f"round {done.round}: {len(done.company)} banks{loss}")

        place = Place(host, port, context)
        model = asyncio.run(coordinate(agreed, rounds, place, ready=ready, watch=watch, say=_say))
    _write(model, out)


@app.command()
def join(
    folder: PartyArgument,
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="The bank's own rows.")],
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 7443,
    patience: Annotated[
        float, typer.Option("--patience", min=0, help="Seconds without a coordinator.")
    ] = 60.0,
    epsilon: Annotated[
        float | None,
        typer.Option("--epsilon", help="Budget of the rows: set, or lowered, never raised."),
    ] = None,
    delta: Annotated[float, typer.Option("--delta", help="Of the budget.")] = 1e-6,
    home: HomeOption = HOME,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the common model here.")
    ] = None,
) -> None:
    """Take part as a bank: answer the coordinator's tasks from rows that stay here.

    With differential privacy each use of the rows is first recorded in the home's privacy ledger,
    and refused past the budget. Exit 0 when the training is done.
    """
    party = open_party(folder, key_passphrase())
    agreed = party.plan
    rows, line = read_rows(data, agreed), Line(host, port, patience)
    if agreed.privacy is None:
        model = take_part(party, agreed, rows, line, say=_say)
    else:
        with Home.open(home, create=True) as opened:
            budget = None if epsilon is None else Budget(epsilon, delta)
            spend = Spender(opened, agreed.system, data, budget)
            model = take_part(party, agreed, rows, line, spend=spend, say=_say)
    _write(model, out)


def _write(model: Model, out: Path | None) -> None:
    if out is not None:
        write_file(out, to_bytes(model))
        people.print(f"the model is in {out}")


def _say(text: str) -> None:
    people.print(Text(text, "dim"), soft_wrap=True)


def _progress() -> Progress:
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*parts, console=people, transient=True, disable=not people.is_terminal)


def _now() -> datetime:
    return system_clock()
