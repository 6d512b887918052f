"""`strongroom guard`: judge texts and conversations; try a policy on its own examples."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strongroom.cli.guard_detectors import app as detectors_app
from strongroom.cli.guard_log import app as log_app
from strongroom.cli.guard_mcp import app as mcp_app
from strongroom.cli.guard_policies import app as policies_app
from strongroom.cli.guard_replay import app as replay_app
from strongroom.cli.guard_setup import guard_of
from strongroom.cli.options import HOME, ActorOption, HomeOption
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.guard.engine import Question
from strongroom.guard.exchange import MAX_LINE, Verdict, check_lines
from strongroom.guard.records import Action, Detector, Grounds, Source

if TYPE_CHECKING:
    from strongroom.guard.gateway.config import Sealed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Judge what goes into a language model and comes out.",
)
policies = typer.Typer(no_args_is_help=True, help="Look after guard policies.")
app.add_typer(policies, name="policy")
policies.add_typer(policies_app)
app.add_typer(log_app, name="log")
app.add_typer(replay_app)
app.add_typer(detectors_app)
app.add_typer(mcp_app, name="mcp")
STYLE = {Action.ALLOW: "green", Action.FLAG: "yellow", Action.MASK: "magenta", Action.BLOCK: "red"}

PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="A guard policy; the balanced level without."),
]


class Output(StrEnum):
    """How `check` prints its result."""

    TEXT = "text"
    JSONL = "jsonl"
    JSON = "json"


@app.command()
def check(
    source_file: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="FILE.jsonl", help="A text or conversation a line; - is stdin."
        ),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="One text.")] = None,
    source: Annotated[
        Source, typer.Option("--source", help="Who speaks the one text.")
    ] = Source.USER,
    policy_file: PolicyOption = None,
    detector: Annotated[
        str | None,
        typer.Option("--detector", metavar="sealed:SYSTEM@STAGE", help="Ours out of the registry."),
    ] = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
    form: Annotated[
        Output, typer.Option("--format", help="jsonl prints one JSON object a line.")
    ] = Output.TEXT,
) -> None:
    """Judge texts: allow, flag, mask or block.

    Exit 0 all clean, 1 something found, 2 could not tell.
    """
    if (source_file is None) == (text is None):
        raise InputError("give either --input FILE or --text TEXT")
    guard = guard_of(policy_file, _trained(detector, home, actor))
    verdicts = check_lines(_lines(source_file, text, source), guard)
    raise typer.Exit(_print(verdicts, form))


@policies.command("test")
def policy_test(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A guard policy.")],
    form: FormatOption = Format.TEXT,
) -> None:
    """Try a policy on its own examples.

    Exit 0 all as said, 1 some not, 2 it has none or is broken.
    """
    guard = guard_of(file)
    own = guard.policy.file
    grounds = Grounds(own.canaries, hosts=own.hosts, labels=own.labels, topics=own.topic_words)
    results = [
        (example, guard.judge(Question(example.text, example.source, grounds)))
        for example in own.examples
    ]
    wrong = sum(example.action is not judged.action for example, judged in results)
    if form is Format.JSON:
        rows = [
            {"source": e.source.value, "expected": e.action.value, "action": j.action.value,
             "score": j.score, "kinds": sorted({d.kind for d in j.detections})}
            for e, j in results
        ]  # fmt: skip
        write_json({"policy": str(guard.policy.digest), "examples": rows, "wrong": wrong})
    else:
        table = Table("", "source", "expected", "action", "score", "text")
        for example, judged in results:
            fine = example.action is judged.action
            mark = Text("ok", style="green") if fine else Text("WRONG", style="bold red")
            table.add_row(
                mark, example.source.value, example.action.value, judged.action.value,
                f"{judged.score:.2f}", Text(example.text[:60]),
            )  # fmt: skip
        Console(highlight=False).print(table)
        people.print(f"{len(results)} examples, {wrong} wrong; policy {guard.policy.digest}")
    if not results:
        people.print("the policy has no examples: add `examples:`", style="magenta")
    raise typer.Exit(2 if not results else int(wrong > 0))


@app.command()
def serve(
    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="The gateway's configuration.")
    ] = Path("guard.yaml"),
    only_check: Annotated[
        bool, typer.Option("--check", help="Read everything, say what is there, serve nothing.")
    ] = False,
) -> None:
    """Stand in front of APIs of language models and judge both ways.

    Says what it loads, and "listening" once it is open. SIGTERM drains, SIGHUP reloads.
    Exit 0 after a drain or a clean check, 2 if it cannot start.
    """
    # The server and its client are of the gateway extra; other verbs do without.
    from strongroom.guard.gateway.serving import prepare, server_of, warmed  # noqa: PLC0415
    from strongroom.guard.gateway.workers import Workers  # noqa: PLC0415

    workers, started = Workers(), time.monotonic()
    people.print("loading policies, detectors and models …")
    setup = warmed(prepare(config, workers, unseal=_unseal))
    file = setup.file
    for note in setup.notes:
        people.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    if only_check:
        people.print(
            f"{config}: {len(file.upstreams)} upstreams, {len(file.tenants)} tenants, "
            f"{len(setup.callers)} keys, mode {file.mode}"
        )
        return
    people.print(f"loaded in {time.monotonic() - started:.1f} s")

    def listening(where: str) -> None:
        people.print(f"listening on {where}, mode {file.mode}", soft_wrap=True)

    server_of(config, setup, workers, unseal=_unseal, listening=listening).run()


@app.command()
def key() -> None:
    """Make a key for a tenant; it is shown once, the configuration holds its SHA-256."""
    from strongroom.guard.gateway.keys import new_key  # noqa: PLC0415 - of this verb alone

    secret, digest = new_key()
    write_json({"key": secret, "sha256": digest})


def _trained(reference: str | None, home: Path, actor: str) -> Detector | None:
    if reference is None:
        return None
    # The registry and its database are of this option alone.
    from strongroom.cli.guard_detector import parsed, sealed_detector  # noqa: PLC0415

    return sealed_detector(*parsed(reference), home, actor)


def _unseal(sealed: Sealed, folder: Path) -> Detector:
    from strongroom.cli.guard_detector import sealed_detector  # noqa: PLC0415 - as above

    return sealed_detector(sealed.system, Stage(sealed.stage), folder / sealed.home, "")


def _lines(source_file: Path | None, text: str | None, source: Source) -> Iterator[bytes]:
    if source_file is None:
        yield json.dumps({"id": 1, "text": text, "source": source.value}).encode()
    elif str(source_file) == "-":
        yield from _bounded(sys.stdin.buffer)
    else:
        try:
            with source_file.open("rb") as file:
                yield from _bounded(file)
        except OSError as error:
            raise InputError(f"cannot be read: {error}", where=str(source_file)) from error


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is too long only so much as shows it, and the rest is passed over."""
    while line := file.readline(MAX_LINE + 1):
        yield line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE + 1)


def _print(verdicts: Iterable[Verdict], form: Output) -> int:
    """Print each verdict as it comes; the exit code of all."""
    out = Console(highlight=False)
    looked = found = failed = 0
    documents = []
    for verdict in verdicts:
        looked, failed = looked + 1, failed + verdict.failed
        found += verdict.action is not Action.ALLOW
        if form is Output.JSONL:
            line = json.dumps(verdict.document, ensure_ascii=False, separators=(",", ":"))
            sys.stdout.write(line.encode("utf-8", "replace").decode() + "\n")
        elif form is Output.JSON:
            documents.append(verdict.document)
        else:
            _show(verdict, out)
    if form is Output.JSON:
        write_json(documents)
    if not looked:
        people.print(Text("nothing was looked at", style="magenta"))
    return 2 if failed or not looked else int(found > 0)


def _show(verdict: Verdict, out: Console) -> None:
    document = verdict.document
    name = "" if document["id"] is None else f"{document['id']}  "
    action = Text(f"{verdict.action.value:6}", style=STYLE[verdict.action])
    out.print(Text.assemble(action, f"  {document['score']:.2f}  {name}"), soft_wrap=True)
    for detection in document["detections"]:
        a, b = detection["span"]
        how = f" through {' › '.join(detection['decoded'])}" if detection["decoded"] else ""
        what = f"        {detection['kind']} {detection['score']:.2f} at {a}-{b}{how}"
        out.print(Text.assemble(what, (f"  {detection['detector']}", "dim")), soft_wrap=True)
    for failure in (document.get("error"), *document.get("failures", ())):
        if failure:
            out.print(Text(f"        {failure}", style="red"), soft_wrap=True)
    if verdict.action is Action.MASK:
        out.print(Text(f"        {document['text']}"), soft_wrap=True)
