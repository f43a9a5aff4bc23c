"""The folder that files land in: the user's own, or one that is filled with generated files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from invoicelake.sources.folders import users_folder


def landing_folder(
    path: str | None, setting: str, default: str, generated: Callable[[], Mapping[str, bytes]]
) -> str:
    """The folder to read: `path` where it is given, else `default`, filled with `generated` files.

    Args:
        path: the user's folder or URL.
        setting: name of the setting that it came from, for messages.
        default: folder of this machine.
        generated: name and content of the files to make; one that is there already with that content is left
            alone, one that is no longer made is removed.

    Raises:
        JobError: the user's folder is not there, is no folder, or may not be read.
    """
    if path is not None:
        return users_folder(path, setting)
    _fill(Path(default), generated())
    return default


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = folder / name
        if not file.is_file() or file.read_bytes() != content:
            # By a rename, so that no one reads a half-written file, and a killed run leaves none.
            partial = folder / f".{name}.partial"
            partial.write_bytes(content)
            partial.replace(file)
    for file in folder.iterdir():
        if file.name not in files:
            file.unlink()
