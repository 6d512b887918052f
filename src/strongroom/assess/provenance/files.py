"""Which files went in and which came out: from what was declared, noted and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.assess.provenance.snapshot import SKIPPED, Snapshot, snapshot, stamp_of
from strongroom.assess.provenance.trace import Trace
from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError, StrongroomError
from strongroom.domain.provenance import DECLARED, OBSERVED, Item
from strongroom.governance.artifacts import artifact_files, declared_paths, digest_artifact
from strongroom.governance.loader import MANIFEST, Loaded

MAX_ITEMS: Final = 2000
"""Inputs, and outputs, that are told one by one."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Files and folders with a name."""

    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    """Asked for by option: the command must write them."""
    artifacts: Mapping[str, Path]
    """Of the manifest: an output where the command writes it, else an input."""

    @property
    def files(self) -> frozenset[Path]:
        """All that may be data."""
        return frozenset((*self.inputs.values(), *self.outputs.values(), *self.artifacts.values()))


@dataclass(frozen=True, slots=True)
class Before:
    """How things were when the command was started."""

    snapshot: Snapshot
    stamps: Mapping[str, Mapping[Path, object]]
    """By name: of each file of what is declared."""
    digests: Mapping[str, Digest]
    """By name: of what was there."""


@dataclass(frozen=True, slots=True)
class Files:
    """What went in and came out."""

    inputs: tuple[Item, ...]
    outputs: tuple[Item, ...]
    missing: tuple[str, ...]
    """Outputs that were asked for and not written."""
    whole: bool
    """False where there were too many to look at, or one could not be read."""


def declared_in(loaded: Loaded, inputs: tuple[Path, ...], outputs: tuple[Path, ...]) -> Declared:
    """The manifest's artifacts, and what is named beside them. Raises InputError."""
    root = loaded.folder.resolve()
    artifacts = {n: loaded.file(path) for n, path in declared_paths(loaded.system).items()}
    known = {path.resolve(): name for name, path in artifacts.items()}

    def named(paths: tuple[Path, ...]) -> dict[str, Path]:
        return {known.get(p, _name(p, root)): p for p in (path.resolve() for path in sorted(paths))}

    wanted = named(inputs)
    for name, path in wanted.items():
        if not path.exists():
            raise InputError("an input that is not there", where=name, fix="mend --input")
    return Declared({"manifest": root / MANIFEST, **wanted}, named(outputs), artifacts)


def look(loaded: Loaded, declared: Declared, without: frozenset[Path]) -> Before:
    """Digest what is declared, and note the state of the rest."""
    everything = {**declared.artifacts, **declared.outputs, **declared.inputs}
    there = {name: path for name, path in everything.items() if path.exists()}
    return Before(
        snapshot(loaded.folder.resolve(), without=without),
        {name: _stamps(path) for name, path in there.items()},
        {
            name: digest_artifact(path)
            for name, path in there.items()
            if path.is_file() or any(path.iterdir())
        },
    )


def compare(
    loaded: Loaded, declared: Declared, before: Before, trace: Trace, without: frozenset[Path]
) -> Files:
    """What the command read and wrote, once it has ended."""
    root = loaded.folder.resolve()
    after = snapshot(root, without=without)
    changed = {root / path for path in after.changed_since(before.snapshot)}
    everything = {**declared.artifacts, **declared.outputs}
    written = {
        name: path
        for name, path in everything.items()
        if path.exists() and _stamps(path) != before.stamps.get(name)
    }
    named = {p for path in written.values() for p in artifact_files(path)}
    unnamed, all_written = _items(changed - named, root, MAX_ITEMS)
    made = [Item(n, digest_artifact(p), (DECLARED, OBSERVED)) for n, p in sorted(written.items())]
    went_in, all_read = _inputs(root, declared, before, trace, changed, written)
    return Files(
        went_in,
        (*made, *unnamed),
        tuple(sorted(set(declared.outputs) - set(written))),
        before.snapshot.whole and after.whole and all_read and all_written,
    )


def _inputs(
    root: Path,
    declared: Declared,
    before: Before,
    trace: Trace,
    changed: set[Path],
    written: Mapping[str, Path],
) -> tuple[tuple[Item, ...], bool]:
    """Declared ones by their digests before; noted ones that nothing wrote to meanwhile."""
    read = {Path(p) for p in trace.read}
    mine = {**{n: p for n, p in declared.artifacts.items() if n not in written}, **declared.inputs}
    items, known = [], set()
    for name in sorted(n for n in mine if n in before.digests):
        files = set(artifact_files(mine[name]))
        known |= files
        seen = bool(files & read)
        # The manifest's own are declared for any run; those for other stages only where noted.
        if name in declared.inputs or seen or name != "data.test":
            how = (DECLARED, OBSERVED) if seen else (DECLARED,)
            same = _stamps(mine[name]) == before.stamps[name]
            items.append(Item(name, before.digests[name], how, changed=not same))
    products = {f for path in written.values() for f in artifact_files(path)}
    others = read - known - changed - products - {Path(p) for p in trace.written}
    noted, whole = _items({p for p in others if _is_input(p, root)}, root, MAX_ITEMS)
    return (*items, *noted), whole


def _is_input(path: Path, root: Path) -> bool:
    """A file that is there and is no part of tools: caches, repositories, bytecode."""
    inside = path.is_relative_to(root)
    parts = path.relative_to(root).parts if inside else path.parts
    return path.is_file() and not SKIPPED.intersection(parts)


def _items(paths: set[Path], root: Path, most: int) -> tuple[tuple[Item, ...], bool]:
    items = []
    for path in sorted(paths)[:most]:
        try:
            items.append(Item(_name(path, root), digest_artifact(path), (OBSERVED,)))
        except StrongroomError:
            continue  # gone again, or not ours to read: told by `whole`
    return tuple(items), len(items) == len(paths)


def _stamps(path: Path) -> Mapping[Path, object]:
    return {file: stamp_of(file) for file in artifact_files(path)} if path.exists() else {}


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
