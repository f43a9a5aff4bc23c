"""The folder that files land in: the user's own, or one that is filled with generated files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from invoicelake.sources.folders import users_folder

# A partial file that is older was left behind by a run that was killed.
_STALE_S = 3600


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
            # By a rename, so that no one reads a half-written file; another run may write the same one now.
            partial = folder / f".{name}.{uuid4().hex}.partial"
            partial.write_bytes(content)
            partial.replace(file)
    for file in folder.iterdir():
        if file.name not in files and not _is_being_written(file):
            file.unlink(missing_ok=True)


def _is_being_written(file: Path) -> bool:
    try:
        return file.match(".*.partial") and time.time() - file.stat().st_mtime < _STALE_S
    except FileNotFoundError:
        return False
