"""`strongroom guard mcp`: guard an MCP server, and approve what it offers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from strongroom.cli.output import people
from strongroom.domain.errors import DeniedError, InputError


class _RunByDefault(TyperGroup):
    """`guard mcp -- COMMAND` is `guard mcp run -- COMMAND`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before arguments that name no command."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Guard an MCP server: judge what it and its client say, hold it to what was approved.",
)
CommandArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="Starts the server.")
]
NameOption = Annotated[str, typer.Option("--name", help="What the pins and records call it.")]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="A guard policy; the balanced level without."),
]
UrlOption = Annotated[
    str | None, typer.Option("--upstream", metavar="URL", help="A server over streamable HTTP.")
]


@app.command("run")
def run(
    command: CommandArgument = None,
    name: NameOption = "server",
    policy_file: PolicyOption = None,
    pins: Annotated[
        Path | None,
        typer.Option("--pins", metavar="FILE", help="What was approved; all else is refused."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="Decisions, as JSON lines.")
    ] = None,
    upstream: UrlOption = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to serve HTTP.")
    ] = "127.0.0.1:8090",
) -> None:
    """Stand between a client and a server, on standard input and output or over HTTP.

    Exit 0 when the client leaves, 1 when the server ends first, 2 if it cannot start.
    """
    server = _server(command, upstream)
    # Engine and servers of the guard and gateway extras; other verbs do without.
    from strongroom.guard.mcp.setting_up import set_up  # noqa: PLC0415
    from strongroom.guard.mcp.stdio import wrap  # noqa: PLC0415

    setup = set_up(name, policy_file=policy_file, pins_file=pins, record=record)
    notes = [*setup.notes]
    if pins is None:
        notes.append("no --pins: tools are judged, but a changed one is not noticed")
    for note in notes:
        people.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    if isinstance(server, str):
        from strongroom.guard.mcp.http import serve  # noqa: PLC0415

        people.print(f"listening on {listen}, before {server}", soft_wrap=True)
        serve(setup, server, listen)
        return
    raise typer.Exit(asyncio.run(wrap(server, setup.session)))


@app.command("pin")
def pin(
    pins: Annotated[Path, typer.Option("--pins", metavar="FILE", help="Is made, or added to.")],
    command: CommandArgument = None,
    name: NameOption = "server",
    policy_file: PolicyOption = None,
    upstream: UrlOption = None,
    despite: Annotated[
        bool, typer.Option("--despite-faults", help="Somebody read them and answers for them.")
    ] = False,
) -> None:
    """Approve what a server offers now: tools, prompts and instructions, by digest.

    Exit 0 pinned, 1 refused for what it says, 2 could not tell.
    """
    server = _server(command, upstream)
    from strongroom.guard.mcp.approving import ask, faults  # noqa: PLC0415 - of the gateway extra
    from strongroom.guard.mcp.pins import read_pins, write_pins  # noqa: PLC0415
    from strongroom.guard.mcp.setting_up import set_up  # noqa: PLC0415

    known = read_pins(pins, new=True)
    setup = set_up(name, policy_file=policy_file, pins_file=None, record=None)
    offered = asyncio.run(ask(server, os.environ))
    found = faults(offered, name, known, setup.journal)
    for fault in found:
        people.print(Text(f"  {fault}", style="red"), soft_wrap=True)
    if found and not despite:
        raise DeniedError(
            f"{len(found)} faults in what {name} offers: nothing was pinned",
            fix="read the definitions; --despite-faults if you answer for them",
        )
    write_pins(pins, known.with_server(name, offered.pins))
    tools, prompts = len(offered.tools), len(offered.prompts)
    people.print(f"{name}: {tools} tools, {prompts} prompts pinned in {pins}", soft_wrap=True)


def _server(command: list[str] | None, upstream: str | None) -> list[str] | str:
    if command and upstream is None:
        return command
    if upstream is not None and not command:
        return upstream
    raise InputError("name a server", fix="-- COMMAND … to start one, or --upstream URL")
