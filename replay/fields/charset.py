"""Bytes as a text that can be turned back into the very same bytes.

Read next: `body.py`.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_CHARSET: Final = re.compile(r"\bcharset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# A name from outside reaches no other codec: some of them unpack, and some are no charsets.
_KNOWN: Final = re.compile(
    r"ascii|big5|cp125[0-3]|cp437|cp850|cp932|euc_jp|euc_kr|gb18030|gb2312|gbk"
    r"|iso8859-(?:1|2|5|7|9|15)|koi8-r|mac-roman|shift_jis|utf-8|utf-(?:16|32)-[bl]e"
)
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(body: bytes, content_type: str = "") -> tuple[str, str]:
    """The text and the codec to write it in again: what is declared, else UTF-8, else Latin-1."""
    codec = _declared(content_type) if "charset" in content_type.lower() else ""
    codec = codec or next((name for mark, name in _MARKS if body.startswith(mark)), "utf-8")
    try:
        text = body.decode(codec)
        if codec == "utf-8" or text.encode(codec) == body:
            return text, codec
    except UnicodeError:
        pass  # it is not what it says: every byte is a character of Latin-1
    return body.decode("latin-1"), "latin-1"


def write_text(text: str, codec: str) -> bytes:
    """What the codec has no character for becomes a question mark."""
    return text.encode(codec, "replace")


def _declared(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    if found is None:
        return ""
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        return ""
    return name if _KNOWN.fullmatch(name) else ""
