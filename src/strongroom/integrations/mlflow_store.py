"""`sealed://` as MLflow's artifact store: the `mlflow.artifact_repository` entry point.

Files are sealed in this process and opened in this process: a tracking server sees names only. A
download verifies the list and every file, scans what it opened, and only then moves it to where it
was asked for. Nothing is deserialised before that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    DATA_LOSS,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.host_policy import is_tracking_server_process

from strongroom.assess.scanner.report import Rating
from strongroom.domain.errors import (
    DeniedError,
    InputError,
    IntegrityError,
    StrongroomError,
    TrustError,
)
from strongroom.home.home import Home
from strongroom.integrations.admission import admitted, refuse_hazards
from strongroom.integrations.artifacts import Artifacts, folder_sources
from strongroom.integrations.places import checked_path, parse_root
from strongroom.integrations.plaintext import PlainFolder, loading

MLMODEL = "MLmodel"


class SealedArtifactRepository(ArtifactRepository):  # type: ignore[misc]
    """Artifacts of one run or model, sealed. A home is opened for each call and closed after it."""

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        with told():
            self._place = parse_root(artifact_uri)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Seal one file."""
        source = Path(local_file)
        self._add({_below(artifact_path, source.name): source})

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Seal all below a folder: all of it or nothing."""
        with told():
            sources = folder_sources(Path(local_dir), artifact_path or "")
        if sources:
            self._add(sources)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """What stands directly below `path`; nothing for a file."""
        path = (path or "").strip("/")
        found: dict[str, FileInfo] = {}
        with self._artifacts(path) as artifacts:
            holding, above = artifacts.now(), artifacts.inner
            for file in holding.below(above) if holding else ():
                name, _, deeper = file.path.removeprefix(above).lstrip("/").partition("/")
                if name:
                    child = f"{path}/{name}" if path else name
                    size = None if deeper else file.size
                    found[child] = FileInfo(child, bool(deeper), size)
        return [found[child] for child in sorted(found)]

    def download_artifacts(self, artifact_path: str | None, dst_path: str | None = None) -> str:
        """Verify, open and scan what stands at `artifact_path`; return where it lies.

        Without `dst_path` that is a private folder in memory. It goes when the `load_model` that
        asked for it returns; for anybody else, when the process ends.
        """
        _refuse_server()
        path = (artifact_path or "").strip("/")
        if dst_path is not None:
            target = Path(dst_path).absolute()
            if not target.is_dir():
                raise MlflowException("no such folder", RESOURCE_DOES_NOT_EXIST)
            with self._artifacts(path) as artifacts:
                _open_beside(artifacts, path, target)
            return str(target.joinpath(path))
        folder = PlainFolder()
        try:
            with self._artifacts(path) as artifacts:
                _open(artifacts, path, folder.path)
        except BaseException:
            folder.remove()
            raise
        opened = folder.path / path
        return folder.lend(opened) if loading() else str(opened)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        """Open one file to a path of MLflow's choice."""
        _refuse_server()
        target = Path(local_path).absolute()
        with told(), tempfile.TemporaryDirectory(dir=target.parent) as draft:
            with self._artifacts(remote_file_path) as artifacts:
                _open(artifacts, remote_file_path, Path(draft))
            Path(draft, remote_file_path).replace(target)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Forget a file, a folder, or everything, and delete what was sealed for it."""
        with self._artifacts() as artifacts:
            artifacts.remove((artifact_path or "").strip("/"))

    def _add(self, sources: dict[str, Path]) -> None:
        _refuse_server()
        with self._artifacts() as artifacts:
            artifacts.add(sources)

    @contextmanager
    def _artifacts(self, path: str = "") -> Iterator[Artifacts]:
        """Those at a path. MLflow may split a URI anywhere: only the whole tells the root."""
        with told(), Home.open(self._place.home) as home:
            place = f"{self._place.root}/{checked_path(path)}" if path else self._place.root
            yield Artifacts.at(home, place)


def _refuse_server() -> None:
    """A server that handed out artifacts would hold everybody's plaintext, for as long as it runs.

    Raises MlflowException in the process of a tracking server.
    """
    with told():
        if is_tracking_server_process():
            raise DeniedError(
                "a tracking server neither seals nor opens artifacts",
                fix="start it with --no-serve-artifacts; clients do both",
            )


def _open(artifacts: Artifacts, path: str, folder: Path) -> None:
    """Open what stands at `path` into an empty folder, and refuse what must not be loaded."""
    holding = artifacts.now()
    files = holding.below(artifacts.inner) if holding else ()
    if holding is None or not files:
        if path:
            raise InputError("no such artifact", where=f"{artifacts.root}/{artifacts.inner}")
        return
    artifacts.open_to(files, holding, folder.joinpath(path))
    models = any(Path(file.path).name == MLMODEL for file in files)
    # Plots and tables are nobody's code: outside a model only what is hostile is refused.
    refuse_hazards(folder, admitted() if models else Rating.UNKNOWN)


def _open_beside(artifacts: Artifacts, path: str, target: Path) -> None:
    """As `_open`, into a folder in use: first beside it, so that it only ever holds whole files."""
    with tempfile.TemporaryDirectory(prefix=".sealed-", dir=target) as name:
        draft = Path(name)
        _open(artifacts, path, draft)
        shutil.copytree(draft, target, copy_function=os.replace, dirs_exist_ok=True)


def _below(folder: str | None, name: str) -> str:
    return f"{folder.strip('/')}/{name}" if folder else name


_CODES: tuple[tuple[type[StrongroomError], Any], ...] = (
    (DeniedError, PERMISSION_DENIED),
    (IntegrityError, DATA_LOSS),
    (TrustError, DATA_LOSS),
    (InputError, INVALID_PARAMETER_VALUE),
    (StrongroomError, TEMPORARILY_UNAVAILABLE),
)


@contextmanager
def told() -> Iterator[None]:
    """Our errors as MLflow's, which its clients show and its server turns into a status."""
    try:
        yield
    except StrongroomError as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        raise MlflowException(str(error), code) from error
