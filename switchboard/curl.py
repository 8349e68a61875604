"""A pasted curl command as the request it would send: nothing is run, read or dialled.

Floor 0. An option that is not known here is refused by name: whether the word behind it is its
value or the URL would be a guess, and a guess could explain another request than the one that
curl sends. Secrets (`-u`, `-b`) are kept as names only.
Read next: `shell_words.py`, and `explain.py` which is asked about the result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus

from switchboard.curl_options import (
    BODIES,
    DATA,
    DIALS,
    FORMS,
    NOTES,
    PLAIN,
    SECRETS,
    SHORT,
    TAKES_VALUE,
)
from switchboard.headers import is_token
from switchboard.shell_words import shell_words

HIDDEN: Final = "(hidden)"
"""Stands in for a credential, which is nobody's business here."""

_USER_INFO: Final = re.compile(r"[^/\s]*@")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_GLOB: Final = re.compile(r"[{}]|\[[^\]:]*-[^\]:]*\]")


@dataclass(frozen=True, slots=True)
class CurlRequest:
    """What one curl command would send."""

    method: str
    url: str
    """As written, with `http://` in front where curl would assume it, and the data of `-G`."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    has_body: bool
    target: str | None = None
    """`--request-target`: what stands in the request line in place of the URL's path."""
    elsewhere: tuple[str, ...] = ()
    """Options that make curl dial something other than what the URL names."""
    notes: tuple[str, ...] = ()


def parse_curl(text: str) -> CurlRequest:
    """The request of a command line as it was pasted. Raises ValueError with one sentence."""
    return parse_curl_words(shell_words(text.strip().removeprefix("$ ")))


def parse_curl_words(words: Sequence[str]) -> CurlRequest:
    """The request of a command that a shell has split. Raises ValueError with one sentence."""
    if not words or words[0].rpartition("/")[2].lower() not in ("curl", "curl.exe"):
        raise ValueError("this is not a curl command: it must begin with the word curl")
    reader = _Reader(words[1:])
    reader.read()
    return reader.request()


class _Reader:
    """What has been read of a command so far."""

    def __init__(self, words: Sequence[str]) -> None:
        self._rest = list(reversed(words))
        self._urls: list[str] = []
        self._headers: list[tuple[str, str]] = []
        self._removed: set[str] = set()
        self._method: str | None = None
        self._target: str | None = None
        self._data: list[str] = []
        self._query: list[str] = []
        self._elsewhere: list[str] = []
        self._notes: list[str] = []
        self._seen: set[str] = set()

    def read(self) -> None:
        while self._rest:
            word = self._rest.pop()
            if word == "--":
                self._urls.extend(reversed(self._rest))
                return
            if not word.startswith("-") or word == "-":
                self._urls.append(word)
            elif word.startswith("--"):
                self._read_long(word)
            else:
                self._read_short(word)

    def _read_long(self, word: str) -> None:
        if _takes_value(word[2:], word):
            self._option(word[2:], self._value(word), word)
        else:
            self._flag(word[2:])

    def _read_short(self, word: str) -> None:
        """`-sSLX POST` and `-XPOST`: flags, until one that takes the rest or the next word."""
        for at, letter in enumerate(word[1:], start=1):
            name = SHORT.get(letter, letter)
            if _takes_value(name, f"-{letter}"):
                self._option(name, word[at + 1 :] or self._value(f"-{letter}"), f"-{letter}")
                return
            self._flag(name)

    def _value(self, word: str) -> str:
        if not self._rest:
            raise ValueError(f"the option {word} of curl has no value behind it")
        return self._rest.pop()

    def _flag(self, name: str) -> None:
        self._seen.add(name)
        if name in NOTES:
            self._notes.append(NOTES[name])

    def _option(self, name: str, value: str, word: str) -> None:
        self._flag(name)
        if name in DIALS:
            self._elsewhere.append(f"{word} {_shown(_USER_INFO.sub('', value))}")
        elif name in DATA:
            self._data.append(_encoded(value) if name == "data-urlencode" else value)
        elif name in SECRETS:
            self._headers.append((SECRETS[name], HIDDEN))
        else:
            self._read_option(name, value)

    def _read_option(self, name: str, value: str) -> None:
        match name:
            case "header":
                self._header(value)
            case "cookie":
                self._cookie(value)
            case "user-agent" | "referer":
                self._headers.append(("-".join(map(str.title, name.split("-"))), value))
            case "request":
                self._method = value
            case "request-target":
                self._target = value
            case "url":
                self._urls.append(value)
            case "url-query":
                self._query.append(value[1:] if value.startswith("+") else _encoded(value))

    def _header(self, text: str) -> None:
        if text.startswith("@"):
            self._notes.append("-H @: the headers in that file are not read here")
            return
        name, colon, value = text.partition(":")
        if not colon:
            name = text.removesuffix(";")  # curl's way to write a header without a value
            if name == text:
                raise ValueError("a header of -H has no colon behind its name")
        elif not value.strip():
            self._removed.add(name.lower())
            return
        if not is_token(name):
            raise ValueError(f"{_shown(name)} is not a header name")
        self._headers.append((name, value.strip()))

    def _cookie(self, value: str) -> None:
        if "=" in value:
            names = (pair.partition("=")[0].strip() for pair in value.split(";"))
            pairs = "; ".join(f"{name}={HIDDEN}" for name in names if name)
            self._headers.append(("Cookie", pairs))
        else:
            self._notes.append("-b: the cookies in that file are not read here")

    def request(self) -> CurlRequest:
        has_body = bool((self._data and "get" not in self._seen) or self._seen & BODIES)
        return CurlRequest(
            self._choose_method(has_body),
            self._whole_url(),
            tuple(self._with_defaults(has_body)),
            has_body,
            self._target,
            tuple(self._elsewhere),
            tuple(dict.fromkeys(self._notes)),
        )

    def _choose_method(self, has_body: bool) -> str:
        method = self._method
        if method is None and "head" in self._seen:
            method = "HEAD"
        elif method is None and "upload-file" in self._seen:
            method = "PUT"
        elif method is None:
            method = "POST" if has_body else "GET"
        if not is_token(method):
            raise ValueError(f"{_shown(method)} is not a method")
        return method

    def _whole_url(self) -> str:
        if len(self._urls) != 1:
            count = "no URL" if not self._urls else f"{len(self._urls)} URLs"
            raise ValueError(f"the command names {count}: explain one at a time")
        (url,) = self._urls
        if "globoff" not in self._seen and _GLOB.search(url):
            raise ValueError(
                "curl reads {} and [] in the URL as several URLs: write one of them, or add -g"
            )
        if not _SCHEME.match(url):
            url = f"http://{url}"
        added = [*self._query, *(self._data if "get" in self._seen else ())]
        if not added:
            return url
        url, hash_, fragment = url.partition("#")
        return f"{url}{'&' if '?' in url else '?'}{'&'.join(added)}{hash_}{fragment}"

    def _with_defaults(self, has_body: bool) -> list[tuple[str, str]]:
        """What curl sends by itself, unless one was given or taken out; then what was given."""
        defaults = [("User-Agent", "curl"), ("Accept", "*/*")]
        if "json" in self._seen:
            defaults[1:] = [("Accept", "application/json"), ("Content-Type", "application/json")]
        elif has_body and self._data:
            defaults.append(("Content-Type", "application/x-www-form-urlencoded"))
        elif self._seen & FORMS:
            defaults.append(("Content-Type", "multipart/form-data"))
        if "compressed" in self._seen:
            defaults.append(("Accept-Encoding", "deflate, gzip"))
        named = {name.lower() for name, _ in self._headers} | self._removed
        return [*(pair for pair in defaults if pair[0].lower() not in named), *self._headers]


def _takes_value(name: str, word: str) -> bool:
    if name == "next":
        raise ValueError("--next begins a second request: explain them one at a time")
    if name in TAKES_VALUE:
        return True
    if name in PLAIN or name.removeprefix("no-") in PLAIN:
        return False
    raise ValueError(f"the option {_shown(word)} of curl is not understood here")


def _encoded(text: str) -> str:
    """`--data-urlencode`: `name=text`, `=text` or `text`; what stands in a file is not read."""
    name, equals, value = text.partition("=")
    if equals:
        return f"{name}={quote_plus(value)}" if name else quote_plus(value)
    name, at, _ = text.partition("@")
    return f"{name}={HIDDEN}" if at else quote_plus(text)


def _shown(text: str) -> str:
    return ascii(text[:80])[1:-1]
