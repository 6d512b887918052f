"""`strongroom init`: looks at a folder and writes a manifest that already runs."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from strongroom.cli.options import HERE, FolderArgument
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.errors import InputError, StoreError, StrongroomError
from strongroom.governance.init import SCHEMA_FILE, Ask, Question, draft_manifest
from strongroom.governance.loader import MANIFEST, Loaded, read_manifest
from strongroom.governance.manifest import Feature
from strongroom.governance.schema import published

app = typer.Typer(add_completion=False)
KEYS: Final = (
    "target",
    "model",
    "train",
    "test",
    "name",
    "owner",
    "purpose",
    "jurisdictions",
    "entity_type",
    "criticality",
)
"""Questions that may be answered on the command line."""


@app.command()
def init(
    folder: FolderArgument = HERE,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take the sane default for every question.")
    ] = False,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Answer a question beforehand: target, model, train, test, name, owner, purpose, "
            "jurisdictions, entity_type, criticality.",
        ),
    ] = None,
    form: FormatOption = Format.TEXT,
) -> None:
    """Look at a folder and write a strongroom.yaml that already runs.

    Finds the model, the tables and what their columns mean; asks for what no file can say.
    Never overwrites a manifest.
    """
    target = folder / MANIFEST
    if target.exists() or target.is_symlink():
        raise InputError(
            "there is a manifest already",
            where=str(target),
            fix="edit it, or remove it first",
        )
    ask = _answers(_pairs(given or ()), interactive=not yes and sys.stdin.isatty())
    draft = draft_manifest(folder, ask, user=_user(), country=_country(os.environ))
    loaded = read_manifest(draft.text.encode(), folder.resolve(), name=str(target))
    _write(target, draft.text)
    if not (schema := folder / SCHEMA_FILE).exists():
        _write(schema, published())
    notes = (*draft.notes, *_objection(loaded))
    if form is Format.JSON:
        document = {"manifest": str(target), "digest": loaded.digest, "notes": list(notes)}
        write_json({**document, "features": len(_features(loaded))})
    else:
        _tell(target, loaded, notes)


def _answers(given: Mapping[str, str], *, interactive: bool) -> Ask:
    def ask(question: Question) -> str:
        if (answer := given.get(question.key)) is not None:
            return _checked(question, answer)
        if interactive and not question.sure:
            return _prompt(question)
        if question.default is None:
            raise InputError(
                f"cannot tell: {question.text}",
                fix=f"--set {question.key}=NAME, one of: {', '.join(question.choices[:20])}",
            )
        return question.default

    return ask


def _prompt(question: Question) -> str:
    if question.choices:
        people.print(f"  {', '.join(question.choices[:20])}", style="dim")
    while True:
        answer = typer.prompt(question.text, default=question.default, err=True)
        try:
            return _checked(question, str(answer).strip())
        except InputError as error:
            people.print(str(error))


def _checked(question: Question, answer: str) -> str:
    if question.choices and answer not in question.choices:
        raise InputError(
            f"{question.key}: {answer!r} is not among the choices",
            fix=f"one of: {', '.join(question.choices[:20])}",
        )
    if (reason := question.refuse(answer)) is not None:
        raise InputError(f"{question.key}: {reason}")
    return answer


def _pairs(given: tuple[str, ...] | list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key not in KEYS:
            raise InputError(f"--set {text}", fix=f"KEY=VALUE, KEY one of: {', '.join(KEYS)}")
        pairs[key] = value
    return pairs


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and never over something."""
    try:
        with path.open("x", encoding="utf-8") as file:
            try:
                file.write(text)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError as error:
        raise InputError("somebody else wrote it just now", where=str(path)) from error
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _objection(loaded: Loaded) -> tuple[str, ...]:
    """What the model says about the features guessed for it."""
    from strongroom.assess.models import open_scorer  # noqa: PLC0415  (loads numeric libraries)

    if loaded.system.model is None:
        return ()
    try:
        open_scorer(loaded.file(loaded.system.model.path), n_features=len(_features(loaded)))
    except StrongroomError as error:
        return (f"the model does not open with these features: {error}",)
    return ()


def _features(loaded: Loaded) -> tuple[Feature, ...]:
    return loaded.system.data.schema_.features if loaded.system.data else ()


def _tell(target: Path, loaded: Loaded, notes: tuple[str, ...]) -> None:
    system = loaded.system
    people.print(
        f"[green]wrote[/] {target}: {system.system.name}, {len(_features(loaded))} features"
    )
    for note in notes:
        people.print(f"  · {note}", markup=False, soft_wrap=True)
    people.print("next: strongroom controls · strongroom assess", style="dim")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"


def _country(environment: Mapping[str, str]) -> str:
    """From the locale, `de_CH.UTF-8`; US where it says nothing."""
    for name in ("LC_ALL", "LC_MONETARY", "LANG"):
        if match := re.match(r"[a-z]{2,3}_([A-Z]{2})\b", environment.get(name, "")):
            return match[1]
    return "US"
