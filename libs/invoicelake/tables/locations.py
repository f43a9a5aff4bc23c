"""Where tables lie: a folder of this machine, or a URL of another store."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlparse

from invoicelake.errors import JobError


def local_path(path: str) -> str | None:
    """The absolute folder that `path` names on this machine; None for a URL of another store."""
    parsed = urlparse(path)
    if parsed.scheme == "file":
        return unquote(parsed.path)
    return None if "://" in path else str(Path(path).expanduser().resolve())


def require_writable(path: str) -> None:
    """Create the folder if it is on this machine.

    Raises:
        JobError: it cannot be created or written to.
    """
    folder = local_path(path)
    if folder is None:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(
            f"cannot create the lake folder {folder}: {error.strerror}; set lake.path=DIR"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise JobError(f"the lake folder {folder} is not writable; make it so, or set lake.path=DIR")
