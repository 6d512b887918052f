"""`strongroom privacy`: budgets of data sets, their uses, and training that keeps to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from strongroom.assess.dp.audit import epsilon_at_least, refuted
from strongroom.assess.dp.ledger import Account, Budget, PrivacyLedger
from strongroom.assess.dp.mechanisms import Use
from strongroom.assess.dp.training import Kind, Plan, train_privately
from strongroom.assess.dp.trial import try_out
from strongroom.assess.tables import feature_matrix, label_vector, read_table
from strongroom.cli.options import HERE, HOME, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.governance.artifacts import artifact_path, digest_artifact
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.storage.files import told

app = typer.Typer(add_completion=False, no_args_is_help=True)

DataArgument = Annotated[
    str, typer.Argument(metavar="DATA", help="A file, a folder, or sha256:… of one.")
]
SystemOption = Annotated[str, typer.Option("--system", help="The system that asks.")]
EpsilonOption = Annotated[float, typer.Option("--epsilon", help="Above 0.")]
DeltaOption = Annotated[float, typer.Option("--delta", help="Below one over the rows.")]
KindOption = Annotated[
    str, typer.Option("--kind", help="linear (diffprivlib) or net (Opacus).", metavar="KIND")
]

_KINDS: Final[dict[str, Kind]] = {"linear": "linear", "net": "net"}


@app.callback()
def privacy() -> None:
    """What may be learnt about people in a data set: budgets, uses, private training."""


@app.command()
def show(
    data: Annotated[
        str, typer.Argument(metavar="[DATA]", help="A file, a folder, or sha256:…; else all.")
    ] = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Show what is spent of each data set's budget. Exit 0 shown, 2 nothing is recorded."""
    with Home.open(home) as opened:
        ledger = PrivacyLedger(opened)
        asked = (_digest(data),) if data else ledger.data_sets()
        accounts = {one: ledger.account(one) for one in asked}
    if form is Format.JSON:
        write_json({str(one): _plain(account) for one, account in accounts.items()})
    for one, account in accounts.items() if form is Format.TEXT else ():
        people.print(f"{one.short}  {_standing(account)}", highlight=False)
    if not any(account.budget or account.uses for account in accounts.values()):
        people.print("nothing is recorded")
        raise typer.Exit(2)


@app.command()
def budget(
    data: DataArgument,
    system: SystemOption,
    epsilon: EpsilonOption,
    delta: DeltaOption,
    home: HomeOption = HOME,
) -> None:
    """Set a data set's budget, or lower it; it is never raised."""
    with Home.open(home) as opened:
        account = PrivacyLedger(opened).set_budget(
            _digest(data), Budget(epsilon, delta), system=system
        )
    people.print(_standing(account))


@app.command()
def spend(
    data: DataArgument,
    mechanism: Annotated[
        str, typer.Argument(metavar="MECHANISM", help="As in the docs: gaussian, stated, …")
    ],
    parameters: Annotated[
        list[str], typer.Argument(metavar="NAME=NUMBER...", help="What the mechanism takes.")
    ],
    system: SystemOption,
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for, in a few words.")],
    times: Annotated[int, typer.Option("--times", help="How often it is run.")] = 1,
    home: HomeOption = HOME,
) -> None:
    """Record a use before it happens. Exit 0 recorded, 1 refused: past the budget, or none set."""
    use = Use(mechanism, dict(map(_parameter, parameters)), times)
    with Home.open(home) as opened:
        account = PrivacyLedger(opened).spend(_digest(data), use, system=system, purpose=purpose)
    people.print(_standing(account))


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the model goes.")],
    epsilon: EpsilonOption,
    delta: DeltaOption = 1e-5,
    folder: FolderArgument = HERE,
    kind: KindOption = "linear",
    hidden: Annotated[
        list[int] | None, typer.Option("--hidden", help="Width of a hidden layer of a net.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Of a net.")] = 15,
    batch: Annotated[int, typer.Option("--batch", help="Rows of one step of a net.")] = 512,
    home: HomeOption = HOME,
) -> None:
    """Train on the manifest's data.train within its budget. Exit 0 trained, 1 refused.

    The use is recorded before the data is looked at; bounds for scaling are part of epsilon.
    """
    plan = Plan(_kind(kind), epsilon, delta, hidden=tuple(hidden or ()), epochs=epochs, batch=batch)
    loaded = load_manifest(manifest_in(folder))
    if loaded.system.data is None:
        raise InputError("the manifest declares no data", fix="add a data section")
    schema, path = loaded.system.data.schema_, artifact_path(loaded, "data.train")
    digest = digest_artifact(path)
    frame = read_table(path)
    x, y = feature_matrix(frame, schema.features), label_vector(frame, schema.target)
    with Home.open(home) as opened:
        ledger, name = PrivacyLedger(opened), loaded.system.system.name
        model = train_privately(
            plan,
            x,
            y,
            lambda uses: ledger.spend(digest, *uses, system=name, purpose=f"training: {kind}"),
            np.random.default_rng(),  # of the system's entropy: noise must be nobody's to guess
        )
        account = ledger.account(digest)
    if out.suffix != model.suffix:
        out = out.with_name(out.name + model.suffix)
    with told(out):
        out.write_bytes(model.file)
    people.print(f"{out}: {_standing(account)}")


@app.command()
def audit(
    epsilon: EpsilonOption,
    delta: DeltaOption = 1e-5,
    kind: KindOption = "linear",
    runs: Annotated[int, typer.Option("--runs", help="Models to train.")] = 200,
    form: FormatOption = Format.TEXT,
) -> None:
    """Try the training on made-up rows: does it keep its epsilon? Spends nobody's privacy.

    Exit 0 not refuted, 1 refuted.
    """
    plan = Plan(_kind(kind), epsilon, delta, batch=32, epochs=3)
    rng = np.random.default_rng()

    def made(x: Any, y: Any) -> Any:
        return train_privately(plan, x, y, lambda _uses: None, rng).scorer().score

    counts = try_out(made, runs, rng)
    at_least, wrong = epsilon_at_least(counts, delta), refuted(epsilon, counts, delta)
    if form is Format.JSON:
        write_json({"claimed": epsilon, "at_least": at_least, "runs": runs, "refuted": wrong})
    else:
        word = "[bold red]refuted[/]" if wrong else "[green]not refuted[/]"
        people.print(f"{word}: {runs} models show epsilon {at_least:.2f} or more of {epsilon:g}")
    raise typer.Exit(1 if wrong else 0)


def _kind(text: str) -> Kind:
    if text not in _KINDS:
        raise InputError(f"no model of kind {text!r}", fix="linear or net")
    return _KINDS[text]


def _parameter(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise InputError(f"{text!r} is no NAME=NUMBER", fix="noise_multiplier=1.1") from error


def _digest(data: str) -> Digest:
    if Path(data).exists():
        return digest_artifact(Path(data))
    if ":" in data:
        return Digest.parse(data)
    raise InputError("no such file, and no digest", where=data)


def _standing(account: Account) -> str:
    if account.budget is None:
        return f"no budget, {len(account.uses)} use(s)"
    return (
        f"epsilon {account.epsilon:.4g} of {account.budget.epsilon:g} spent at delta "
        f"{account.budget.delta:g}, {len(account.uses)} use(s)"
    )


def _plain(account: Account) -> dict[str, Any]:
    return {
        "budget": account.budget
        and {"epsilon": account.budget.epsilon, "delta": account.budget.delta},
        "epsilon": account.epsilon,
        "uses": [
            {"mechanism": u.mechanism, "parameters": dict(u.parameters), "times": u.times}
            for u in account.uses
        ],
    }
