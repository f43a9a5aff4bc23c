"""The only place that reads or writes Delta tables."""

from invoicelake.tables.lake import Committed, Lake
from invoicelake.tables.locations import local_path, require_writable
from invoicelake.tables.pinning import PinnedTable, files_gone, pin_files
from invoicelake.tables.slices import Slice

__all__ = [
    "Committed",
    "Lake",
    "PinnedTable",
    "Slice",
    "files_gone",
    "local_path",
    "pin_files",
    "require_writable",
]
