"""What an OMS signature says: every file of a model with its digest, as OpenSSF Model Signing 1.0.

    statement = in-toto Statement v1, one subject: the model's name, and one digest over all others
    predicate = how it was hashed ("serialization"), and one line a file or shard ("resources")

The overall digest is SHA-256 over the digests in the order they stand. A signature names its files
itself, so the manifest is only compared, never followed: no path in it is ever opened.
Source: the OMS specification and the `model_signing` package, which writes the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from strongroom.domain.digests import Digest
from strongroom.domain.errors import InputError
from strongroom.domain.statement import Statement, Subject
from strongroom.keys.trust import MODEL_TYPE

Method: TypeAlias = Literal["files", "shards"]

WHOLE: Final = "."
"""The name of the one resource of a model that is a single file."""
GIT_PATHS: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What the other tools leave out too, unless told otherwise."""
DIGEST_BYTES: Final[Mapping[str, int]] = {"sha256": 32, "blake2b": 64, "blake3": 32}
MAX_SHARD: Final = 2**40
_HEX: Final = re.compile(r"([0-9a-f]{2})+\Z")
_SHARD_NAME: Final = re.compile(r"(.+):(0|[1-9][0-9]{0,18}):([1-9][0-9]{0,18})\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hashing:
    """How a model was hashed, so that a verifier can do the same again."""

    method: Method = "files"
    hash_type: str = "sha256"
    """One of `DIGEST_BYTES`."""
    allow_symlinks: bool = False
    """Whether a link to a file counts as the file it leads to. If not, a link is an error."""
    ignored: tuple[str, ...] = ()
    """Files and folders below the model that are not covered, relative, with `/`."""
    shard_size: int | None = None
    """Bytes of a shard, for method `shards`."""

    def __post_init__(self) -> None:
        if self.method not in ("files", "shards") or self.hash_type not in DIGEST_BYTES:
            known = ", ".join(DIGEST_BYTES)
            raise InputError(
                f"a model hashed by {self.method!r:.40} and {self.hash_type!r:.40}",
                fix=f"sign it by files or shards, with one of {known}",
            )
        if (self.shard_size is None) is (self.method == "shards"):
            raise InputError("shards have a size, and only they do")
        if self.shard_size is not None and not 0 < self.shard_size <= MAX_SHARD:
            raise InputError(f"shards of {self.shard_size} bytes")

    @property
    def algorithm(self) -> str:
        """What the resources name as their digest's algorithm."""
        if self.shard_size is None:
            return self.hash_type
        return f"{self.hash_type}-sharded-{self.shard_size}"

    def ignores(self, path: str) -> bool:
        """Whether the file or folder is one of the ignored, or lies below one."""
        return any(i in (path, WHOLE) or path.startswith(f"{i}/") for i in self.ignored)


@dataclass(frozen=True, slots=True)
class Resource:
    """A file or a shard of one, and its digest."""

    path: str
    """Relative to the model, with `/`; `.` for a model that is a single file."""
    hex: str
    """Lower case."""
    shard: tuple[int, int] | None = None
    """First byte, and the first one after it."""

    @property
    def name(self) -> str:
        """As the statement names it: `path`, or `path:start:end`."""
        return self.path if self.shard is None else f"{self.path}:{self.shard[0]}:{self.shard[1]}"


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """All that is signed about a model."""

    name: str
    """The model's folder or file name when it was signed; renaming it breaks nothing."""
    hashing: Hashing
    resources: tuple[Resource, ...]

    def __post_init__(self) -> None:
        if not self.resources:
            raise InputError("a signature over nothing", fix="sign a model that has files")
        if len({r.name for r in self.resources}) != len(self.resources):
            raise InputError("a manifest that names a file twice")

    @property
    def digest(self) -> Digest:
        """The model's digest: SHA-256 over all digests, in order."""
        state = hashlib.sha256()
        for resource in self.resources:
            state.update(bytes.fromhex(resource.hex))
        return Digest("sha256", state.hexdigest())

    def to_statement(self) -> Statement:
        """As the in-toto statement that is signed."""
        hashing = self.hashing
        serialization: dict[str, Any] = {
            "method": hashing.method,
            "hash_type": hashing.hash_type,
            "allow_symlinks": hashing.allow_symlinks,
        }
        if hashing.shard_size is not None:
            serialization["shard_size"] = hashing.shard_size
        if hashing.ignored:
            serialization["ignore_paths"] = list(hashing.ignored)
        lines = [
            {"name": r.name, "algorithm": hashing.algorithm, "digest": r.hex}
            for r in self.resources
        ]
        return Statement(
            MODEL_TYPE,
            (Subject(self.name, self.digest),),
            {"serialization": serialization, "resources": lines},
        )

    @classmethod
    def parse(cls, payload: bytes, *, where: str) -> ModelManifest:
        """Read a signed payload. Raises InputError, also when its overall digest is not its own."""
        statement = Statement.parse(payload, where=where)
        try:
            return _manifest(statement)
        except InputError as error:
            raise type(error)(error.what, where=where, fix=error.fix) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"malformed OMS statement: {error!r:.200}", where=where) from error


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A file that is not as it was signed."""

    path: str
    reason: str


def ordered(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """In the order the statement lists them: by the parts of the path, then by place."""
    return tuple(sorted(resources, key=lambda r: (r.path.split("/"), r.shard or (0, 0))))


def compare(signed: ModelManifest, found: Sequence[Resource]) -> tuple[Discrepancy, ...]:
    """Every file that was changed, added, removed or renamed since, by path."""
    expected, actual = _by_path(signed.resources), _by_path(found)
    added = {path: actual[path] for path in actual.keys() - expected.keys()}
    said = {
        path: "changed since it was signed"
        for path in expected.keys() & actual.keys()
        if expected[path] != actual[path]
    }
    for path in sorted(expected.keys() - actual.keys()):
        new = next((p for p in sorted(added) if added[p] == expected[path]), None)
        said[path] = "removed since it was signed"
        if new is not None:
            said[path] = f"renamed since it was signed, to {new}"
            del added[new]
    said |= dict.fromkeys(added, "added: the signature does not cover it")
    return tuple(Discrepancy(path, said[path]) for path in sorted(said))


def _by_path(resources: Sequence[Resource]) -> dict[str, list[tuple[tuple[int, int], str]]]:
    files: dict[str, list[tuple[tuple[int, int], str]]] = {}
    for resource in resources:
        files.setdefault(resource.path, []).append((resource.shard or (0, 0), resource.hex))
    for shards in files.values():
        shards.sort()
    return files


def _manifest(statement: Statement) -> ModelManifest:
    if statement.predicate_type != MODEL_TYPE or len(statement.subjects) != 1:
        raise InputError(
            f"not an OMS 1.0 statement about one model: {statement.predicate_type!r:.100}",
            fix="sign the model again with a tool that writes OMS 1.0",
        )
    hashing = _hashing(statement.predicate["serialization"])
    lines = tuple(_resource(r, hashing) for r in _list(statement.predicate["resources"]))
    manifest = ModelManifest(statement.subjects[0].name, hashing, lines)
    if manifest.digest != statement.subjects[0].digest:
        raise InputError("the overall digest is not that of the digests listed")
    return manifest


def _hashing(raw: Any) -> Hashing:
    size = raw.get("shard_size")
    if isinstance(size, float) and size.is_integer():
        size = int(size)  # protobuf knows one kind of number
    if size is not None and type(size) is not int:
        raise TypeError("shard_size is not a whole number")
    if type(raw["allow_symlinks"]) is not bool:
        raise TypeError("allow_symlinks is not true or false")
    ignored = tuple(_text(path) for path in _list(raw.get("ignore_paths", [])))
    return Hashing(
        _method(raw["method"]), _text(raw["hash_type"]), raw["allow_symlinks"], ignored, size
    )


def _method(raw: object) -> Method:
    if raw == "files" or raw == "shards":  # noqa: PLR1714 - so that mypy follows
        return raw
    raise InputError(f"a model hashed by {raw!r:.40}", fix="sign it by files or by shards")


def _resource(raw: Any, hashing: Hashing) -> Resource:
    name, digest = _text(raw["name"]), _text(raw["digest"])
    if raw["algorithm"] != hashing.algorithm:
        raise InputError(f"a digest by {raw['algorithm']!r:.60}, not by {hashing.algorithm}")
    if not _HEX.match(digest) or len(digest) != 2 * DIGEST_BYTES[hashing.hash_type]:
        raise InputError(f"not a digest of {hashing.algorithm}: {digest[:140]!r}")
    if hashing.method == "files":
        return Resource(name, digest)
    match = _SHARD_NAME.match(name)
    if match is None:
        raise InputError(f"not a shard's name: {name[:200]!r}")
    return Resource(match[1], digest, (int(match[2]), int(match[3])))


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"expected text, found {type(raw).__name__}")
    return raw


def _list(raw: object) -> list[Any]:
    if not isinstance(raw, list):
        raise TypeError(f"expected a list, found {type(raw).__name__}")
    return raw
