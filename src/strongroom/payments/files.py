"""Large files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from strongroom.storage.files import sync_folder, told


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, flush it to disk, then rename it into place.

    Creates the folder. Raises StoreError when the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(beside)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """A frame as Parquet (zstd). Equal frames give equal bytes with the same version of polars."""
    write_whole(path, lambda beside: frame.write_parquet(beside, compression="zstd"))


def write_text(text: str, path: Path) -> None:
    """Text as UTF-8."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
