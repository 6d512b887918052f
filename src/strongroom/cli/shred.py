"""`strongroom shred`: destroy the key that opens a version, with proof."""

from __future__ import annotations

from typing import Annotated

import typer

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, HomeOption, key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.domain.digests import Digest
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.registry.reading import Version
from strongroom.registry.registry import Registry
from strongroom.registry.shredding import shred as shred_version

app = typer.Typer(add_completion=False)


@app.command()
def shred(
    which: Annotated[
        list[str],
        typer.Argument(metavar="SYSTEM|VERSION…", help="All versions of a system, or these."),
    ],
    key: Annotated[str, typer.Option("--key", help="Whose key signs; it needs the role shred.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it must go.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even the version that stands in production.")
    ] = False,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Destroy the wrapping keys, so that no copy of the sealed files opens, wherever it lies.

    It cannot be undone. Exit 0 shredded, 1 denied, 2 could not tell: then run it again.
    """
    with Home.open(home) as opened:
        found = _versions(Registry(opened), which)
        if not yes:
            _confirm(found)
        for system in dict.fromkeys(v.seal.system for v in found):
            ask_leave(opened, key, Action.SHRED, system)
        done = [
            shred_version(
                opened, v.seal, by=key, reason=reason, force=force, passphrase=key_passphrase()
            )
            for v in found
        ]
    if form is Format.JSON:
        write_json({"shredded": plain(done)})
        return
    for one in done:
        people.print(f"[red]shredded[/] {one.system} {one.version}", soft_wrap=True)
        for uri, answer in one.answers:
            people.print(f"  {uri}: {answer.answer}", markup=False, soft_wrap=True)


def _versions(registry: Registry, which: list[str]) -> list[Version]:
    """Names of systems, or digests, whole or as `versions` shows them."""
    found: dict[Digest, Version] = {}
    for name in which:
        wanted = [v for v in registry.versions() if name in _names(v)]
        if not wanted:
            raise InputError("no such system or version", where=name, fix="strongroom versions")
        found.update((v.digest, v) for v in wanted)
    return list(found.values())


def _names(version: Version) -> tuple[str, ...]:
    return version.seal.system, version.digest.short, str(version.digest), version.digest.hex


def _confirm(found: list[Version]) -> None:
    """Whoever shreds types what `versions` shows: a glance is not enough."""
    for version in found:
        where = f", in {', '.join(version.stages)}" if version.stages else ""
        people.print(f"{version.seal.system} {version.digest.short}{where}", highlight=False)
        typed = typer.prompt("its digest, to shred it for ever", err=True)
        if typed.strip() not in _names(version)[1:]:
            raise DeniedError("that is not its digest: nothing was shredded")
