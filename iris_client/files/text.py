"""Text from bytes: UTF-8, UTF-16 with its mark, else Latin-1."""

import codecs
import re
from typing import Final

from iris_client.files.trouble import Unreadable

_HAS_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1b]")
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(content: bytes) -> str:
    """Decode a text file.

    Raises
    ------
    Unreadable
        If it is none.
    """
    if content.startswith(_UTF16):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError as problem:
            raise Unreadable("broken UTF-16 text") from problem
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
    if _HAS_CONTROL.search(text[:4096]):
        if len(content) > 8 and b"\x00" in (content[1:2], content[0:1]) and content[1:64:2].count(0) > 20:
            raise Unreadable("this looks like UTF-16 text without its mark; save it as UTF-8")
        raise Unreadable("neither Parquet, FITS, JSON nor text")
    return text
