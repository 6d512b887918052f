"""Artifact roots: what comes out is what went in, or an error that names the file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import (
    DeniedError,
    InputError,
    IntegrityError,
    KeyAccessError,
    LimitError,
    StoreError,
    StrongroomError,
)
from strongroom.home.home import Home
from strongroom.integrations.artifacts import MAX_FILES, Artifacts, folder_sources
from strongroom.integrations.holding import HOLDING_TYPE, Holding
from strongroom.integrations.places import checked_path, parse_root, parse_version, within

ROOT = "mlflow/1/abc/artifacts"
CANARY = b"CANARY-4f9a1c7e-not-to-be-found"
FILES = {"MLmodel": b"flavors: {}\n", "data/model.bin": CANARY * 9, "empty": b""}


@pytest.fixture
def artifacts(home: Home, tmp_path: Path) -> Artifacts:
    made = Artifacts(home, ROOT)
    made.add(sources(tmp_path, FILES))
    return made


def sources(folder: Path, files: dict[str, bytes]) -> dict[str, Path]:
    made = {}
    for number, (path, data) in enumerate(files.items()):
        made[path] = folder / f"source-{number}"
        made[path].write_bytes(data)
    return made


def objects_of(home: Home) -> list[Path]:
    return sorted(p for p in (home.folder / "objects").rglob("*") if p.is_file())


def opened(artifacts: Artifacts, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    holding = artifacts.now()
    assert holding is not None
    artifacts.open_to(holding.files, holding, folder)
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_what_comes_out_is_what_went_in_and_nothing_of_it_lies_open(
    home: Home, artifacts: Artifacts, tmp_path: Path, canary_in: Callable[[Path], list[Path]]
) -> None:
    assert opened(artifacts, tmp_path / "out") == FILES
    assert canary_in(home.folder) == []
    assert canary_in(tmp_path / "out") == [tmp_path / "out" / "data" / "model.bin"]


def test_files_of_several_segments_are_streamed(home: Home, tmp_path: Path) -> None:
    data = os.urandom(3 * 2**20 + 7)
    made = Artifacts(home, ROOT)
    made.add(sources(tmp_path, {"big": data}))
    assert opened(made, tmp_path / "out") == {"big": data}


def test_a_second_file_joins_the_first_and_a_same_path_replaces_it(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    before = artifacts.now()
    artifacts.add(sources(tmp_path, {"empty": b"not any more", "plots/a.txt": b"a"}))
    after = opened(artifacts, tmp_path / "out")
    assert after == {**FILES, "empty": b"not any more", "plots/a.txt": b"a"}
    replaced = next(f for f in before.files if f.path == "empty")
    assert not home.objects.has(replaced.object), "what no list names is deleted"


def test_what_is_removed_is_gone(home: Home, artifacts: Artifacts) -> None:
    objects = [file.object for file in artifacts.now().below("data")]
    artifacts.remove("data")
    assert [file.path for file in artifacts.now().files] == ["MLmodel", "empty"]
    assert not any(home.objects.has(name) for name in objects)
    with pytest.raises(InputError, match="no such artifact"):
        artifacts.remove("data")
    artifacts.remove(None)
    assert artifacts.now().files == ()


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "empty", "missing", "swapped"])
def test_a_sealed_object_that_is_not_what_it_was_is_found(
    home: Home, artifacts: Artifacts, tmp_path: Path, damage: str
) -> None:
    by_path = {file.path: home.objects.path(file.object) for file in artifacts.now().files}
    target = by_path["data/model.bin"]
    data = target.read_bytes()
    target.chmod(0o600)
    if damage == "missing":
        target.unlink()
    else:
        target.write_bytes(
            {
                "flip": data[:-1] + bytes([data[-1] ^ 1]),
                "cut": data[:-1],
                "longer": data + b"x",
                "empty": b"",
                "swapped": by_path["MLmodel"].read_bytes(),
            }[damage]
        )
    with pytest.raises((IntegrityError, StoreError), match=r"model\.bin|missing"):
        opened(artifacts, tmp_path / "out")


def test_an_earlier_content_of_the_same_path_is_found(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    old = next(f for f in artifacts.now().files if f.path == "MLmodel")
    kept = home.objects.path(old.object).read_bytes()
    artifacts.add(sources(tmp_path, {"MLmodel": b"flavors: {new: {}}\n"}))
    new = next(f for f in artifacts.now().files if f.path == "MLmodel")
    target = home.objects.path(new.object)
    target.chmod(0o600)
    target.write_bytes(kept)
    with pytest.raises(IntegrityError, match="MLmodel: not the file that the signed list names"):
        opened(artifacts, tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM records WHERE sequence = (SELECT max(sequence) FROM records)",
        "UPDATE records SET system = 'x' WHERE sequence = (SELECT max(sequence) FROM records)",
        "UPDATE records SET kind = 'x' WHERE sequence = (SELECT max(sequence) FROM records)",
        "UPDATE records SET sequence = 0 WHERE sequence = (SELECT max(sequence) FROM records)",
        f"UPDATE records SET system = 'x' WHERE kind = '{HOLDING_TYPE}'",
        f"UPDATE records SET ledger_index = NULL WHERE kind = '{HOLDING_TYPE}'",
    ],
)
def test_an_index_that_is_turned_back_or_hides_the_root_never_gives_an_older_list(
    home: Home, artifacts: Artifacts, tmp_path: Path, change: str
) -> None:
    artifacts.add(sources(tmp_path, {"added": b"later"}))
    with sqlite3.connect(home.folder / "index.sqlite") as index:
        assert index.execute(change).rowcount
    index.close()
    try:
        with Home.open(home.folder) as again:
            paths = [file.path for file in Artifacts(again, ROOT).now().files]
    except IntegrityError:
        return
    assert "added" in paths


def test_a_list_by_a_key_that_may_not_seal_does_not_count(home: Home, artifacts: Artifacts) -> None:
    held = artifacts.now()
    forged = replace(held, number=held.number + 1, files=held.files[:1])
    home.record(forged.to_statement(), "assessor")
    with pytest.raises(StrongroomError, match="assessor may not sign seal"):
        artifacts.now()


def test_a_list_of_another_root_is_not_taken(home: Home, artifacts: Artifacts) -> None:
    statement = artifacts.now().to_statement()
    assert Holding.from_statement(statement).root == ROOT
    assert Artifacts(home, "mlflow/2/abc/artifacts").now() is None


def test_without_the_wrapping_key_nothing_opens(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    home.kms.destroy(artifacts._wrapping_key())
    with pytest.raises(KeyAccessError):
        opened(artifacts, tmp_path / "out")
    with pytest.raises(KeyAccessError):
        artifacts.add(sources(tmp_path, {"more": b"x"}))


def test_what_is_frozen_does_not_change(artifacts: Artifacts, tmp_path: Path) -> None:
    held = artifacts.freeze()
    assert artifacts.freeze() == held, "a second time it stays as it is"
    with pytest.raises(DeniedError, match="does not change"):
        artifacts.add(sources(tmp_path, {"late": b"x"}))
    with pytest.raises(DeniedError, match="does not change"):
        artifacts.remove("data")
    assert opened(artifacts, tmp_path / "out") == FILES


def test_a_failed_write_leaves_the_list_and_no_object(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    objects = objects_of(home)
    given = sources(tmp_path, {"a": b"1", "b": b"2"})
    given["z"] = tmp_path / "absent"
    with pytest.raises(StoreError):
        artifacts.add(given)
    assert objects_of(home) == objects
    assert artifacts.now().number == 1


def test_a_path_cannot_be_a_file_and_a_folder(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="both a file and a folder"):
        artifacts.add(sources(tmp_path, {"MLmodel/inner": b"x"}))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        "a\0b",
        "a\\b",
        "a\nb",
        "\ud800",
        "x" * 1025,
    ],
)
def test_paths_that_lead_elsewhere_are_refused(path: str, home: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        checked_path(path)
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(InputError):
        Artifacts(home, ROOT).add({path: tmp_path / "f"})


@given(st.text(max_size=30))
def test_a_path_that_is_taken_stays_below_its_folder(path: str) -> None:
    try:
        checked_path(path)
    except InputError:
        return
    assert within(os.path.normpath(f"/root/{path}"), "/root")
    assert os.path.normpath(path) == path


def test_links_and_devices_in_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="a link or a device"):
        folder_sources(folder)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="a link or a device"):
        folder_sources(folder)
    with (
        pytest.raises(InputError, match="not a regular file"),
        Home.open(tmp_path / "home", create=True) as home,
    ):
        Artifacts(home, ROOT).add({"pipe": folder / "pipe"})


def test_more_files_than_a_list_takes_are_refused_before_any_is_sealed(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(LimitError):
        folder_sources(tmp_path)


WRITER = """
import sys; from pathlib import Path
from strongroom.home.home import Home; from strongroom.integrations.artifacts import Artifacts
home, root, source, name = sys.argv[1:]
with Home.open(Path(home)) as opened:
    for number in range(4):
        Artifacts(opened, root).add({f"{name}/{number}": Path(source)})
"""


def test_writers_at_the_same_time_lose_nothing(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"x")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home.folder), ROOT, str(tmp_path / "f"), name]
        )
        for name in ("a", "b", "c")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    paths = {file.path for file in artifacts.now().files}
    assert paths == set(FILES) | {f"{name}/{n}" for name in "abc" for n in range(4)}


def test_a_place_within_a_root_is_that_folder_of_it(
    home: Home, artifacts: Artifacts, tmp_path: Path
) -> None:
    inner = Artifacts.at(home, f"{ROOT}/data")
    assert (inner.root, inner.inner) == (ROOT, "data")
    inner.add(sources(tmp_path, {"more": b"x"}))
    assert [file.path for file in artifacts.now().below("data")] == ["data/model.bin", "data/more"]
    tmp_path.joinpath("out").mkdir()
    held = inner.now()
    inner.open_to(held.below("data"), held, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["model.bin", "more"]


def test_a_root_is_named_by_home_and_path(home: Home) -> None:
    place = parse_root(f"sealed://{home.folder}/mlflow/1")
    assert (place.home, place.root) == (home.folder, "mlflow/1")
    (home.folder / "mlflow").mkdir()
    (home.folder / "mlflow" / "home.json").write_text("{}")
    assert parse_root(f"sealed://{home.folder}/mlflow/1") == place, "the outermost home counts"


@pytest.mark.parametrize(
    "uri",
    [
        "sealed://host/x",
        "file:///x",
        "sealed:///nowhere/x",
        "sealed:///tmp/%2e%2e/x",
        "sealed://[",
        "sealed:///a?b",
        "sealed:///a%00b",
    ],
)
def test_a_uri_that_names_no_root_is_refused(uri: str) -> None:
    with pytest.raises(InputError):
        parse_root(uri)


def test_a_version_is_named_by_system_and_stage_or_digest() -> None:
    assert parse_version("sealed://fraud/production").which == "production"
    assert str(parse_version("sealed://fraud/sha256:" + "a" * 64).which) == "sha256:" + "a" * 64
    for uri in ("sealed://fraud", "sealed:///fraud/production", "sealed://fraud/prod", "s3://a/b"):
        with pytest.raises(InputError):
            parse_version(uri)
