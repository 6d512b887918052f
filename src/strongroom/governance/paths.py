"""Paths in a manifest stay below its folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from strongroom.domain.errors import InputError


def escape(relative: str) -> str | None:
    """Why a path as written could leave its folder, or None."""
    if "\0" in relative or not relative.isprintable():
        return "holds unprintable characters"
    if PurePosixPath(relative).is_absolute() or PureWindowsPath(relative).drive:
        return "is absolute"
    if "\\" in relative:
        return "uses backslashes"
    if ".." in PurePosixPath(relative).parts:
        return "leads upwards (..)"
    if relative.startswith("~"):
        return "begins with ~"
    return None


def below(folder: Path, relative: str) -> Path:
    """The real path of `relative` under `folder`, links followed; it need not exist.

    Raises InputError if it is outside.
    """
    if (why := escape(relative)) is not None:
        raise InputError(f"{relative!r} {why}", fix="write a path below the manifest's folder")
    try:
        root = folder.resolve()
        real = (root / relative).resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{relative!r} cannot be followed: {error}") from error
    if not real.is_relative_to(root):
        raise InputError(
            f"{relative!r} is a link that leads out of {root}",
            fix="put the file below the manifest's folder",
        )
    return real
