"""`strongroom advisories`: make, carry and show a signed mirror of known weaknesses of packages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from strongroom.assess.advisories.held import FOLDER
from strongroom.assess.advisories.mirror import (
    DATA,
    HEAD,
    MAX_AGE,
    Mirror,
    open_mirror,
    write_mirror,
)
from strongroom.assess.advisories.source import read_source
from strongroom.cli.options import HOME, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import format_time, parse_time
from strongroom.home.home import Home
from strongroom.storage.files import told, write_file

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Make, carry and show a signed mirror of advisories.",
)
SIGNER = "assessor"
"""The home's key that signs evidence; a mirror is evidence from outside."""

OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="MIRROR", help="The mirror's folder; else the home's own."),
]
AgeOption = Annotated[
    float, typer.Option("--max-age", min=0, metavar="DAYS", help="Older mirrors are refused.")
]
DAYS = MAX_AGE / timedelta(days=1)


@app.command()
def sync(
    source: Annotated[
        str,
        typer.Option("--from", help="OSV's export: a folder, an all.zip, or its https address."),
    ],
    out: OutOption = None,
    home: HomeOption = HOME,
) -> None:
    """Read OSV's export for PyPI as it is now, and sign it with today's date.

    The network is used only if --from is an address. Exit 0 written, 2 refused.
    """
    _write(source, out or home / FOLDER, home, None)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="A mirror, or OSV's all.zip, that was carried here.")
    ],
    out: OutOption = None,
    home: HomeOption = HOME,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="When an all.zip was fetched, if you know."),
    ] = None,
    max_age: AgeOption = DAYS,
) -> None:
    """Take in what came over an air gap.

    A mirror keeps its signature and its date, and must be good here. An all.zip carries neither: it
    is signed here and dated by the newest change in it, unless you say better with --as-of.
    """
    out = out or home / FOLDER
    if (file / HEAD).is_file():
        now = datetime.now(UTC)
        with Home.open(home) as opened:
            trust = opened.trust
        mirror = open_mirror(file, trust, now=now, max_age=timedelta(days=max_age))
        with told(out):
            out.mkdir(parents=True, exist_ok=True)
            head = (file / HEAD).read_bytes()
        write_file(out / DATA, mirror.data)
        write_file(out / HEAD, head)
        _say(mirror, out)
    else:
        _write(str(file), out, home, as_of or "newest")


@app.command()
def show(
    mirror: Annotated[Path | None, typer.Argument(metavar="[MIRROR]")] = None,
    home: HomeOption = HOME,
    max_age: AgeOption = DAYS,
    form: FormatOption = Format.TEXT,
) -> None:
    """Check signature, digest and age of a mirror, and say what it is. Exit 2 if it is refused."""
    mirror = mirror or home / FOLDER
    with Home.open(home) as opened:
        trust = opened.trust
    now = datetime.now(UTC)
    checked = open_mirror(mirror, trust, now=now, max_age=timedelta(days=max_age))
    if form is Format.JSON:
        about = checked.about
        write_json(
            {
                "as_of": format_time(about.as_of),
                "source": about.source,
                "advisories": about.advisories,
                "newest": about.newest,
                "digest": str(about.digest),
                "signers": list(about.signers),
            }
        )
    else:
        _say(checked, mirror)


def _write(source: str, out: Path, home: Path, dated: str | None) -> None:
    documents = list(read_source(source))
    with Home.open(home, create=not home.exists()) as opened:
        signer, trust = opened.signer(SIGNER), opened.trust
    now = datetime.now(UTC)
    newest = max((parse_time(d["modified"]) for d in documents), default=now)
    as_of = now if dated is None else newest if dated == "newest" else parse_time(dated)
    write_mirror(out, documents, source=source, as_of=as_of, signer=signer)
    _say(open_mirror(out, trust, now=now, max_age=timedelta.max), out)
    if as_of - newest > MAX_AGE:
        text = f"the newest advisory in it was changed at {format_time(newest)}: is it current?"
        people.print(Text(text, style="yellow"), soft_wrap=True)


def _say(mirror: Mirror, where: Path) -> None:
    about = mirror.about
    text = (
        f"{where}: {about.advisories} advisories as of {format_time(about.as_of)}, "
        f"signed by {', '.join(about.signers)}; {about.digest}"
    )
    people.print(Text(text), soft_wrap=True)
