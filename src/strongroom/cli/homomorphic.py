"""`strongroom homomorphic`: a third party scores rows that it never sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError
from strongroom.federated.tables import read_frame
from strongroom.home.home import Home
from strongroom.homomorphic import fitting, guard, scoring
from strongroom.homomorphic.models import Card, Floats, SecretModel
from strongroom.homomorphic.parameters import STANDARD_CHOICE, Parameters
from strongroom.homomorphic.requests import MAX_FILE, Answer, Request
from strongroom.payments.files import write_parquet
from strongroom.storage.files import told, write_file

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Score rows that the scorer never sees."
)
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="The secret model.")]
CardArgument = Annotated[Path, typer.Argument(metavar="CARD", help="What the scorer gave away.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it goes.")]
DataOption = Annotated[Path, typer.Option("--data", metavar="FILE", help="Rows: Parquet, CSV.")]
KeysOption = Annotated[Path, typer.Option("--keys", metavar="FILE", help="The sealed keys.")]
DegreeOption = Annotated[int, typer.Option("--degree", help="Of the polynomials.")]
ChainOption = Annotated[str, typer.Option("--chain", help="Bits of each prime.")]
ScaleOption = Annotated[int, typer.Option("--scale", help="Bits of the scale.")]
ErrorOption = Annotated[float, typer.Option("--max-error", help="Of a logit.")]
_CHAIN = ",".join(map(str, STANDARD_CHOICE.chain))


@app.command()
def fit(
    out: OutOption,
    data: DataOption,
    target: Annotated[str, typer.Option("--target", help="The column of 0 and 1.")],
    features: Annotated[str, typer.Option("--features", help="Columns, with commas.")],
    units: Annotated[int, typer.Option("--units", min=0, max=256, help="Squares; 0: linear.")] = 0,
    flagged: Annotated[float, typer.Option("--flagged", help="Share of rows to flag.")] = 0.01,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
) -> None:
    """Scorer: fit a model that can be computed on ciphertext, from rows of its own."""
    names = tuple(features.split(","))
    x, y = _rows(data, names), _rows(data, (target,))[:, 0]
    model = fitting.fit(x, y, names, units=units, flagged=flagged, seed=seed)
    write_file(out, model.to_bytes(), mode=0o600)
    people.print(f"{len(names)} features, {units} squares, threshold {model.threshold:.4f}")


@app.command()
def card(model: ModelArgument, out: OutOption) -> None:
    """Scorer: write what clients may know of a model: no weights."""
    write_file(out, _model(model).card.to_bytes())


@app.command()
def check(
    model: ModelArgument,
    degree: DegreeOption = STANDARD_CHOICE.degree,
    chain: ChainOption = _CHAIN,
    scale: ScaleOption = STANDARD_CHOICE.scale_bits,
    max_error: ErrorOption = guard.MAX_ERROR,
    form: FormatOption = Format.TEXT,
) -> None:
    """Judge parameters for a model: security, depth, room, precision; then try them.

    Exit 0 when they are good, 1 when not.
    """
    found = guard.check(_model(model), _parameters(degree, chain, scale), _rng(), max_error)
    if form is Format.JSON:
        write_json({"estimated": found.estimated, "measured": found.measured})
    people.print(
        f"128 bits; error expected below {found.estimated:.2g}, measured {found.measured:.2g}, "
        f"{max_error:g} allowed"
    )


@app.command("keys")
def keys_(
    card_file: CardArgument,
    out: OutOption,
    degree: DegreeOption = STANDARD_CHOICE.degree,
    chain: ChainOption = _CHAIN,
    scale: ScaleOption = STANDARD_CHOICE.scale_bits,
    max_error: ErrorOption = guard.MAX_ERROR,
    home: HomeOption = HOME,
) -> None:
    """Client: make keys for a model, sealed by the home's key service.

    Exit 1 when the parameters are not good for it.
    """
    known = _card(card_file)
    made = scoring.make_keys(known, _parameters(degree, chain, scale), _rng(), max_error)
    with Home.open(home, create=True) as opened:
        scoring.save_keys(opened, made, known, out)
    people.print(f"sealed keys in {out}")


@app.command()
def ask(
    card_file: CardArgument,
    keys: KeysOption,
    data: DataOption,
    out: OutOption,
    home: HomeOption = HOME,
) -> None:
    """Client: encrypt rows, with the public half of the keys."""
    known = _card(card_file)
    with Home.open(home) as opened:
        made = scoring.ask(
            scoring.load_keys(opened, known, keys), known, _rows(data, known.features)
        )
    whole = made.to_bytes()
    write_file(out, whole)
    people.print(f"{made.rows} rows in {len(whole):,} bytes; no secret key is in them")


@app.command()
def answer(
    model: ModelArgument,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What the client sent.")],
    out: OutOption,
    max_error: ErrorOption = guard.MAX_ERROR,
) -> None:
    """Scorer: score on ciphertext. Exit 1 when the client's parameters are not good."""
    asked = Request.from_bytes(_bytes(request), where=str(request))
    given = scoring.answer(_model(model), asked, _rng(), max_error)
    write_file(out, given.to_bytes())
    people.print(f"{given.rows} rows scored unseen")


@app.command()
def read(
    card_file: CardArgument,
    answer_file: Annotated[Path, typer.Argument(metavar="ANSWER", help="What the scorer sent.")],
    keys: KeysOption,
    out: OutOption,
    home: HomeOption = HOME,
) -> None:
    """Client: decrypt scores. Exit 1 when some are too near to the threshold to tell."""
    known = _card(card_file)
    given = Answer.from_bytes(_bytes(answer_file), where=str(answer_file))
    with Home.open(home) as opened:
        found = scoring.decide(scoring.load_keys(opened, known, keys), known, given)
    columns = {"logit": found.logits, "flagged": found.flagged, "undecided": found.undecided}
    write_parquet(pl.DataFrame(columns), out)
    people.print(
        f"{len(found.logits)} rows, {int(found.flagged.sum())} flagged, "
        f"{int(found.undecided.sum())} within the error of {found.error:.2g} of the threshold"
    )
    raise typer.Exit(1 if found.undecided.any() else 0)


def _parameters(degree: int, chain: str, scale: int) -> Parameters:
    try:
        bits = tuple(int(part) for part in chain.split(","))
    except ValueError as error:
        raise InputError(f"not a chain of bits: {chain!r:.80}", fix=_CHAIN) from error
    return Parameters(degree, bits, scale)


def _rows(path: Path, columns: tuple[str, ...]) -> Floats:
    frame = read_frame(path, columns)
    try:
        return frame.select(pl.col(columns).cast(pl.Float64)).to_numpy().astype(np.float64)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"a column holds no numbers: {error}", where=str(path)) from error


def _model(path: Path) -> SecretModel:
    return SecretModel.from_bytes(_bytes(path), where=str(path))


def _card(path: Path) -> Card:
    return Card.from_bytes(_bytes(path), where=str(path))


def _bytes(path: Path) -> bytes:
    with told(path), path.open("rb") as source:
        return source.read(MAX_FILE + 1)


def _rng() -> np.random.Generator:
    return np.random.default_rng()
