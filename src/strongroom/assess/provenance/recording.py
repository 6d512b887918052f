"""The use case: run a command and say how the model was made.

1. Digest the declared inputs, note the state of the folder and of the code.
2. Run the command with Python's opened files noted; pass on what it writes, signals, exit code.
3. Compare: what changed came out; what was opened, and stayed as it was, went in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strongroom import __version__
from strongroom.assess.provenance.code import commit_of
from strongroom.assess.provenance.files import Files, compare, declared_in, look
from strongroom.assess.provenance.run import Ended, run
from strongroom.assess.provenance.surroundings import context_of, environment_of, without_secrets
from strongroom.assess.provenance.trace import Trace, read_trace, watched
from strongroom.domain.errors import InputError
from strongroom.domain.provenance import Provenance
from strongroom.governance.loader import Loaded


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to run, and what is said of it beforehand."""

    command: tuple[str, ...]
    folder: Path
    """Where it runs."""
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    without: frozenset[Path] = frozenset()
    """Folders that are none of its business: the home."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it."""

    provenance: Provenance
    missing: tuple[str, ...]
    """Outputs that were asked for and not written."""


def record_run(
    loaded: Loaded, wanted: Wanted, variables: Mapping[str, str], now: Callable[[], datetime]
) -> Recorded:
    """Run the command to its end. Raises InputError when it cannot be started."""
    declared = declared_in(loaded, wanted.inputs, wanted.outputs)
    root = loaded.folder.resolve()
    data = frozenset(p.relative_to(root).as_posix() for p in declared.files if _below(p, root))
    commit = commit_of(root, apart_from=data)
    before = look(loaded, declared, wanted.without)
    started = now()
    with tempfile.TemporaryDirectory(prefix="strongroom-record-") as scratch:
        notes = Path(scratch) / "trace"
        notes.touch(mode=0o600)
        ended = run(wanted.command, watched(variables, notes), wanted.folder)
        trace = read_trace(notes)
    finished = now()
    files = compare(loaded, declared, before, trace, wanted.without)
    training = loaded.system.model.training if loaded.system.model else None
    return Recorded(
        Provenance(
            system=loaded.system.system.name,
            command=without_secrets(wanted.command),
            manifest=loaded.digest,
            inputs=files.inputs,
            outputs=files.outputs if ended.exit_code == 0 else (),
            commit=commit,
            packages=tuple(sorted(trace.packages, key=lambda p: (p.name.lower(), p.version))),
            environment=environment_of(trace, variables),
            seed=training.seed if training else None,
            started=started,
            finished=finished,
            exit_code=ended.exit_code,
            logs=ended.logs,
            completeness=_completeness(trace, files, ended),
            context=context_of(root, trace, variables),
            recorder=__version__,
        ),
        files.missing,
    )


def declared_command(loaded: Loaded) -> tuple[str, ...]:
    """The manifest's own training command, writing to the model's place. Raises InputError."""
    model = loaded.system.model
    if model is None or model.training is None:
        raise InputError(
            "no command to run", where=loaded.name, fix="name one after --, or add model.training"
        )
    return tuple(word.replace("{output}", model.path) for word in model.training.command)


def _completeness(trace: Trace, files: Files, ended: Ended) -> dict[str, bool]:
    """What was seen, and what nobody can see this way: see docs/provenance.md."""
    return {
        "python_watched": trace.interpreters > 0,
        "notes_whole": trace.whole,
        "packages_known": bool(trace.packages),
        "folder_whole": files.whole,
        "logs_whole": ended.whole,
        "inputs_stable": not any(item.changed for item in files.inputs),
        "native_reads_seen": False,
        "network_seen": False,
    }


def _below(path: Path, root: Path) -> bool:
    return path.is_relative_to(root)


def shown(command: Sequence[str]) -> str:
    """The command in a line, for people."""
    return " ".join(without_secrets(command))
