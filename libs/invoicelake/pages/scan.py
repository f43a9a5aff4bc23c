"""Scans as received."""

from __future__ import annotations

from io import BytesIO

from invoicelake.text.document import DocumentRejected


def scan_size(image: bytes) -> tuple[int, int]:
    """Width and height of a scan in pixels, of any format that Pillow reads.

    Raises:
        DocumentRejected: the bytes are no image, or a damaged one.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(image)) as scan:
            scan.verify()
            return scan.width, scan.height
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        found = f"{len(image)} bytes that begin with {image[:8]!r}"
        raise DocumentRejected("image_unreadable", f"expected a JPEG, PNG or TIFF, got {found}") from error
