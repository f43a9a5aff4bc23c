"""The folder that files land in: the user's own, or one that is filled with generated files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from invoicelake.errors import JobError
from invoicelake.tables import local_path


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
        JobError: the user's folder is not there.
    """
    if path is not None:
        folder = local_path(path)
        if folder is not None and not Path(folder).is_dir():
            found = "a file" if Path(folder).exists() else "nothing"
            raise JobError(f"expected a folder at {setting}={path}, found {found} there")
        return folder or path.rstrip("/")
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
