"""`strongroom keys`: make keys, list who may sign what, revoke, and export the trust policy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from strongroom.cli.leave import ask_leave
from strongroom.cli.options import HOME, ActorOption, HomeOption, key_passphrase
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import parse_time, plain
from strongroom.domain.errors import InputError
from strongroom.governance.access.policy import Action
from strongroom.home.home import Home
from strongroom.keys.keypair import MAX_PEM, PublicKey
from strongroom.keys.trust import Role, TrustedKey
from strongroom.registry import rotation
from strongroom.registry.rotation import Rewrapped
from strongroom.storage.files import write_file

app = typer.Typer(no_args_is_help=True, add_completion=False)

RolesOption = Annotated[
    list[Role], typer.Option("--role", help="What it may sign; repeat for more.")
]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=3650, help="Good for so long.")]
NameArgument = Annotated[str, typer.Argument(help="The holder's name: alice.")]


@app.callback()
def keys() -> None:
    """Make and list keys, and say who may sign what."""


@app.command()
def new(
    name: NameArgument,
    role: RolesOption,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="Systems (for evidence: checks) it counts for, like fraud-*."),
    ] = None,
    days: DaysOption = 730,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Make an encrypted key under HOME/keys, trust it for the roles, and log that.

    The passphrase is the home's own, or STRONGROOM_KEY_PASSPHRASE if that is set.
    """
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        public = opened.add_key(
            name,
            role,
            scopes=scope or ("*",),
            passphrase=key_passphrase(),
            valid_for=timedelta(days=days),
        )
    if form is Format.JSON:
        write_json({"name": name, "key": public.key_id, "roles": [r.value for r in role]})
    else:
        people.print(f"[green]made[/] {name}'s key {public.key_id[:12]}, for {', '.join(role)}")


@app.command()
def admit(
    name: NameArgument,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Their public key, in PEM.")],
    role: RolesOption,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="Systems (for models: their names) it counts for."),
    ] = None,
    days: DaysOption = 730,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Trust a key that somebody else made, such as a vendor's that signs models, and log that."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        public = PublicKey.parse_pem(_pem(key), where=str(key))
        now = opened.clock()
        until = now + timedelta(days=days)
        trusted = TrustedKey(name, public, tuple(role), tuple(scope or ("*",)), now, until)
        opened.trust_key(trusted)
    if form is Format.JSON:
        write_json({"name": name, "key": public.key_id, "roles": [r.value for r in role]})
    else:
        people.print(f"[green]trusted[/] {name}'s key {public.key_id[:12]}, for {', '.join(role)}")


@app.command(name="list")
def list_keys(home: HomeOption = HOME, form: FormatOption = Format.TEXT) -> None:
    """Who may sign what, and until when."""
    with Home.open(home) as opened:
        trusted, now = opened.trust.keys, opened.clock()
    if form is Format.JSON:
        write_json({"keys": [_document(key) for key in trusted]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Key", "May sign", "Of", "Until", ""):
        table.add_column(column, overflow="fold")
    for key in trusted:
        state = ""
        if key.revoked_at is not None:
            state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M:%S}"
        elif now >= key.valid_until:
            state = "expired"
        table.add_row(
            key.name,
            key.key.key_id[:12],
            ", ".join(key.roles),
            ", ".join(key.scopes),
            f"{key.valid_until:%Y-%m-%d}",
            Text(state, "red"),
        )
    people.print(table)


@app.command()
def revoke(
    name: NameArgument,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="RFC 3339; now by default.")
    ] = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Believe nothing that the holder signed from that time on; earlier signatures stand."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        when = opened.clock() if at is None else parse_time(at)
        opened.revoke_key(name, when)
    if form is Format.JSON:
        write_json({"name": name, "revoked_at": when})
    else:
        people.print(f"[green]revoked[/] {name} from {when:%Y-%m-%d %H:%M:%S} UTC on")


@app.command()
def rotate(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A service: assessor, gate, registry.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", help="Only the versions of this system.")
    ] = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Rotate the keys that wrap sealed versions, or with NAME a service's signing key.

    Nothing is encrypted anew: data keys are wrapped anew, and what wrapped them before is refused
    where the key service can do that. Killed, run it again: it goes on where it was.
    """
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        if name is not None:
            new = opened.rotate_key(name)
            people.print(f"[green]rotated[/] {name}: key {new.key.key_id[:12]} signs from now on")
            if form is Format.JSON:
                write_json(_document(new))
            return
        _show(list(_told(rotation.rotate(opened, system), "rotated")), form)


@app.command()
def migrate(
    to: Annotated[str, typer.Option("--to", metavar="URI", help="openbao:https://HOST/transit …")],
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Leave the old wrapping keys where they are.")
    ] = False,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Wrap every version's key by another key service, then destroy the old wrapping keys."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        moved = rotation.move(opened, to, keep_old=keep_old)
        _show(list(_told(moved, "moved")), form)
    people.print(f"set STRONGROOM_KMS={to} from now on", markup=False, soft_wrap=True)


@app.command()
def extend(
    name: NameArgument,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="From now on.")] = 730,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Let a key sign for longer: the ledger's, which is never replaced."""
    with Home.open(home) as opened:
        ask_leave(opened, actor, Action.KEYS)
        key = opened.extend_key(name, timedelta(days=days))
    if form is Format.JSON:
        write_json(_document(key))
    else:
        people.print(f"[green]extended[/] {name} until {key.valid_until:%Y-%m-%d}")


@app.command()
def trust(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write it there, not to stdout.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Export the trust policy, which auditors verify with: public keys only."""
    with Home.open(home) as opened:
        data = opened.trust.to_bytes()
    if to is None:
        sys.stdout.write(data.decode() + "\n")
    else:
        write_file(to, data)
        people.print(f"trust policy written to {to}", markup=False)


def _pem(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PEM + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _told(done: Iterator[Rewrapped], word: str) -> Iterator[Rewrapped]:
    """Say each as it is done: a rotation may be long."""
    for one in done:
        rest = "" if one.retired else "; the key service keeps what wrapped it before"
        people.print(f"[green]{word}[/] {one.system} {one.version.short}{rest}")
        yield one


def _show(done: list[Rewrapped], form: Format) -> None:
    if form is Format.JSON:
        write_json({"versions": plain(done)})
    elif not done:
        people.print("no version is sealed here, so there was nothing to do")


def _document(key: TrustedKey) -> dict[str, object]:
    return {
        "name": key.name,
        "key": key.key.key_id,
        "algorithm": key.key.algorithm,
        "roles": plain(key.roles),
        "scopes": plain(key.scopes),
        "valid_from": key.valid_from,
        "valid_until": key.valid_until,
        "revoked_at": key.revoked_at,
    }
