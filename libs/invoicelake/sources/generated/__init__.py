"""The embedded default input: receipts and invoices made from a seed, alike on every machine.

A supplier is drawn from its number (`suppliers`, `layouts`), a sale from the document's number (`sales`).
Both are printed as rows (`receipts`, `invoices`), set on a page (`typesetting`), or misread (`faults`).
"""

from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.payload import parse, to_payload

__all__ = ["generate", "parse", "to_payload"]
