"""`strongroom bom`: the AI bill of materials of a folder, on stdout or into a file."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from strongroom.assess.bom import validate, validate_spdx
from strongroom.cli.options import HERE, HOME, FolderArgument, HomeOption, manifest_in
from strongroom.cli.output import people
from strongroom.domain.errors import MissingExtra
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home, system_clock
from strongroom.report.bills import Bills, bills_of
from strongroom.report.extras import current_bills
from strongroom.storage.files import write_file

app = typer.Typer(add_completion=False)


class BillFormat(StrEnum):
    """Whose format it is."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


@app.command()
def bom(
    folder: FolderArgument = HERE,
    form: Annotated[
        BillFormat, typer.Option("--format", help="CycloneDX 1.7 or SPDX 3.0.1, both JSON.")
    ] = BillFormat.CYCLONEDX,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Instead of stdout.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Write what is in the system: model, data sets, packages, figures, claims, how it was made.

    Figures and provenance come from the home, where there is one. Exit 0 written.
    """
    loaded = load_manifest(manifest_in(folder))
    if (home / "home.json").exists():
        with Home.open(home) as opened:
            bills = current_bills(opened, loaded)
    else:
        bills = bills_of(None, loaded, (), system_clock())
        people.print(f"no home at {home}: without figures, evidence and provenance")
    document = _checked(bills, form)
    if out is None:
        sys.stdout.write(document.decode() + "\n")
    else:
        write_file(out, document)
        people.print(f"wrote {out}")


def _checked(bills: Bills, form: BillFormat) -> bytes:
    """Held against its specification where the extra is installed."""
    spdx = form is BillFormat.SPDX
    document = bills.spdx if spdx else bills.cyclonedx
    try:
        (validate_spdx if spdx else validate)(document)
    except MissingExtra as error:
        people.print(f"[yellow]not validated[/]: {error}", soft_wrap=True)
    return document
