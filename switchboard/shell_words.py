"""A pasted command line as words: what a shell would hand to the program, without running one.

Floor 0. `shlex` knows neither `$'...'` (Chrome writes it) nor the `^` of Windows, and passes
`$NAME` and `|` on as if they were letters; here what only a shell could fill in is refused by
name, since an explanation of half a command would be a wrong one.
Read next: `curl.py`, for which this is.
"""

from __future__ import annotations

import re
from typing import Final

MAX_CHARS: Final = 1_000_000
"""A pasted body may be long; more than this is not a command that a person pasted."""

_CMD: Final = re.compile(r"\^[ \t]*(?:\r?\n|\Z)|\^[\"%&{}\[\]]")
_CARET: Final = re.compile(r"\^(\r?\n|.)", re.DOTALL)
_PLAIN: Final = re.compile(r"[^\s'\"\\$`|&;<>()#]+")
_OPERATORS: Final = "|&;<>()"
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ANSI: Final = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_OPEN: Final = "a quote is opened and never closed"
_CODED: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)


def shell_words(text: str) -> list[str]:
    """The words of one command, as bash or (with carets) the Windows command line reads them.

    Raises ValueError with one sentence for an open quote, a second command or a variable.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"the command is longer than {MAX_CHARS:,} characters")
    if _CMD.search(text):
        return _Splitter(_CARET.sub(_uncaret, text), is_bash=False).words()
    return _Splitter(text, is_bash=True).words()


def _uncaret(found: re.Match[str]) -> str:
    return " " if found[1].endswith("\n") else found[1]


class _Splitter:
    """One walk over the text: `at` is where it is, `word` what has been read of a word."""

    def __init__(self, text: str, *, is_bash: bool) -> None:
        self._text = text
        self._is_bash = is_bash
        self._at = 0
        self._word: list[str] | None = None
        self._words: list[str] = []

    def words(self) -> list[str]:
        while self._at < len(self._text):
            self._step()
        self._end_word()
        return self._words

    def _step(self) -> None:
        char = self._text[self._at]
        if char.isspace():
            self._end_word()
            self._at += 1
        elif char == '"':
            self._add(self._double())
        elif not self._is_bash:
            self._add(self._take(re.compile(r"[^\s\"]+")))
        elif plain := _PLAIN.match(self._text, self._at):
            self._at = plain.end()
            self._add(plain[0])
        else:
            self._bash(char)

    def _bash(self, char: str) -> None:
        if char == "'":
            self._add(self._until_quote(self._at + 1))
        elif self._text.startswith("$'", self._at):
            self._add(self._ansi())
        elif char == "\\":
            self._escape()
        elif char == "#" and self._word is not None:
            self._at += 1
            self._add("#")  # in the middle of a word, as in a URL, it starts no comment
        elif char == "#":
            self._take(re.compile(r"[^\n]*"))
        elif char in "$`":
            raise ValueError(_unfilled(self._text, self._at))
        elif self._text[self._at :].strip(_OPERATORS + " \r\n") or char != ";":
            raise ValueError(
                f"there is `{char}` outside quotes, which begins another command: "
                "quote the URL, or paste the curl command alone"
            )
        else:
            self._at = len(self._text)  # a last semicolon

    def _escape(self) -> None:
        following = self._text[self._at + 1 : self._at + 3]
        if following[:1] == "\n" or following == "\r\n":
            self._at += 1 + (1 if following[0] == "\n" else 2)  # a line that goes on
            return
        self._at += 2
        self._add(following[:1])

    def _double(self) -> str:
        """What stands between double quotes; leaves `at` behind the closing one."""
        kept: list[str] = []
        at = self._at + 1
        while at < len(self._text) and (char := self._text[at]) != '"':
            following = self._text[at + 1 : at + 2]
            if char == "\\" and following in (
                '"',
                "\\",
                *(("$", "`", "\n") if self._is_bash else ()),
            ):
                kept.append("" if following == "\n" else following)
                at += 2
                continue
            if self._is_bash and (char == "`" or _is_variable(self._text, at)):
                raise ValueError(_unfilled(self._text, at))
            kept.append(char)
            at += 1
        return self._closed("".join(kept), at)

    def _until_quote(self, start: int) -> str:
        end = self._text.find("'", start)
        return self._closed(self._text[start:end], end if end >= 0 else len(self._text))

    def _ansi(self) -> str:
        found = _ANSI.match(self._text, self._at)
        if found is None:
            raise ValueError(_OPEN)
        return self._closed(_CODED.sub(_uncoded, found[1]), found.end() - 1)

    def _closed(self, inside: str, at: int) -> str:
        if at >= len(self._text):
            raise ValueError(_OPEN)
        self._at = at + 1
        return inside

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        taken = found[0] if found else ""
        self._at += len(taken)
        return taken

    def _add(self, part: str) -> None:
        if self._word is None:
            self._word = []
        self._word.append(part)

    def _end_word(self) -> None:
        if self._word is not None:
            self._words.append("".join(self._word))
        self._word = None


def _uncoded(found: re.Match[str]) -> str:
    for digits in (found[1], found[2], found[3]):
        if digits:
            code = int(digits, 16)
            return chr(code) if code <= 0x10FFFF else "\ufffd"
    if found[4]:
        return chr(int(found[4], 8) & 0xFF)
    return _ESCAPES.get(found[5], "\\" + found[5])


def _is_variable(text: str, at: int) -> bool:
    return re.compile(r"\$[A-Za-z_0-9{(?@*!#$-]").match(text, at) is not None


def _unfilled(text: str, at: int) -> str:
    found = re.compile(r"\$?\{?[A-Za-z0-9_]{0,40}\}?").match(text, at)
    name = (found[0] if found else "") or text[at]
    return f"{name} is filled in by a shell, which is not run here: write what it stands for"
