"""A file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from strongroom.domain.errors import StoreError
from strongroom.payments.files import write_parquet, write_text, write_whole


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "model.txt"
    write_text("old", target)

    def broken(beside: Path) -> None:
        beside.write_text("half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        write_whole(target, broken)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_dies_of_something_else_leaves_no_litter_either(tmp_path: Path) -> None:
    def broken(beside: Path) -> None:
        beside.write_text("half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "model.txt", broken)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="taken"):
        write_text("x", tmp_path / "taken" / "model.txt")


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": range(100_000), "b": ["x", "y"] * 50_000})
    for name in ("one", "two"):
        write_parquet(frame, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert pl.read_parquet(tmp_path / "one").equals(frame)
