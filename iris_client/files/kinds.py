"""What a file is that is no spectrum, by how it begins: a sentence for the person who sent it."""

import re
from typing import Final

_BY_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"version https://git-lfs.github.com/spec", "a Git-LFS pointer, not the file itself: run `git lfs pull` first"),
    (b"\x89PNG", "a PNG picture: neither Parquet, FITS nor text; the numbers are needed"),
    (b"\xff\xd8\xff", "a JPEG picture; the numbers are needed"),
    (b"GIF8", "a GIF picture; the numbers are needed"),
    (b"%PDF", "a PDF document; the numbers are needed"),
    (b"%!PS", "a PostScript document; the numbers are needed"),
    (b"{\\rtf", "a rich-text document; save it as plain text"),
    (b"\x89HDF", "an HDF5 file, which is not read; write the spectrum as text, FITS or Parquet"),
    (b"\x93NUMPY", "a NumPy array, which does not say what its columns are; write text, FITS or Parquet"),
    (b"Obj\x01", "an Avro file, as alerts come in: it holds images and photometry, no spectrum"),
    (b"SQLite format 3", "an SQLite database, not a spectrum"),
    (b"\xd0\xcf\x11\xe0", "an old Office document; save the table as CSV"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x1f\x9d", "a file packed with `compress`: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a file packed with Zstandard: unpack it first"),
    (b"\x80\x04", "a Python pickle, which is never read, for it could run anything"),
    (b"\x80\x05", "a Python pickle, which is never read, for it could run anything"),
    (b"\x80\x03", "a Python pickle, which is never read, for it could run anything"),
    (b"\x80\x02", "a Python pickle, which is never read, for it could run anything"),
    (b"II*\x00", "a TIFF picture; the numbers are needed"),
    (b"MM\x00*", "a TIFF picture; the numbers are needed"),
)
_LNW: Final = re.compile(
    rb"^\s*\d+[ \t]+\d+[ \t]+[\d.]+[ \t]+[\d.]+[ \t]+\d+[ \t]+\S+[ \t]+[-+\d.*]+[ \t]+[A-Za-z][^\n]*\n"
)
_ANNEX: Final = re.compile(rb"^/?(?:\.\./)*\.?(?:git/)?annex/objects/\S+\s*\Z")


def not_a_spectrum(content: bytes) -> str | None:
    """Say what a file is, when it is something known that holds no spectrum to be read; else None.

    Parameters
    ----------
    content : bytes
        Its beginning, at least 512 bytes where there are as many.
    """
    for magic, sentence in _BY_MAGIC:
        if content.startswith(magic):
            return f"this is {sentence}"
    if content.startswith(b"PK\x03\x04") or content.startswith(b"PK\x05\x06"):
        return _zip(content)
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<votable" in start:
        return "this is a VOTable, which is not read; save the table as CSV, FITS or ECSV"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<!--")):
        return "this is a web page, not a spectrum; was a login page downloaded?"
    if content[257:262] == b"ustar":
        return "this is a tar archive: unpack it first"
    if _ANNEX.match(content[:512]):
        return "this is a git-annex pointer, not the file itself: run `git annex get` first"
    if _LNW.match(content[:512]):
        return "this is a SNID template (.lnw): flattened spectra of many epochs at rest, not an observed spectrum"
    return None


def _zip(content: bytes) -> str:
    if b".npy" in content[:200]:
        return "this is a NumPy archive (.npz); write the spectrum as text, FITS or Parquet"
    if b"[Content_Types]" in content[:2000] or b"xl/" in content[:2000]:
        return "this is an Office document; save the table as CSV"
    return "this is a zip archive: unpack it first"
