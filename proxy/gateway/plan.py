"""What is the same for all requests by one route to one host, prepared once.

Floor 1, pure. The core edits a request header by header, so an exact line that holds no secret is
edited once and remembered; what is special (cookies, tags, hops, a `Connection` that names others)
is given to the core each time. The tests hold the result against `edit_request` and `edit_answer`
themselves. Read next: `book.py` (which plan a request has), `passage.py` (who uses it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from proxy.gateway.answer_head import AnswerHead
from proxy.gateway.lines import is_harmless
from proxy.gateway.pool import Pool
from proxy.gateway.readers import SET_ASIDE
from proxy.gateway.request_head import RequestHead
from switchboard.base_url import authority_of
from switchboard.cookies import cookie_header
from switchboard.credentials import is_dropped_name, safe_target
from switchboard.decide import Ask, Forward, Refuse
from switchboard.edit_answer import edit_answer
from switchboard.edit_request import (
    edit_request,
    edit_target,
    hop_header,
    injector_tags,
    kept_headers,
    own_headers,
)
from switchboard.headers import is_token
from switchboard.rules import LIVE, SANDBOX, Mode, Rules

_REMEMBERED: Final = 512
_MOST_READY: Final = 2_048
_LONGEST: Final = 256
# A body whose links are mapped must come readable and whole, and is another one afterwards.
_NOT_ASKED: Final = frozenset({"accept-encoding", "if-range", "range"})
_DOOR_WRITES: Final = frozenset({"sec-websocket-key"})
"""With the rest of the handshake, if there is one."""
_NOT_TOLD: Final = frozenset(
    {"accept-ranges", "content-digest", "content-md5", "digest", "etag", "repr-digest"}
)

Ready = dict[tuple["Plan", "RequestHead | AnswerHead"], bytes]
"""Heads by what they are made from."""


class Plan:
    """How requests by one route to one host are built, and their answers."""

    def __init__(
        self,
        ask: Ask,
        forward: Forward,
        rules: Rules,
        secrets: Mapping[str, str],
        hop: str,
        ready: Ready | None = None,
    ) -> None:
        """ready: shared by all plans, so that it is bounded however many hosts there are.

        Raises MissingSecretError when an injected credential has no value.
        """
        self._ask = ask
        self.rules = rules
        self._secrets = secrets
        self._hop = hop
        self.forward = forward
        self.to = forward.to
        self.mode: Mode = LIVE if forward.is_live else SANDBOX
        self.maps_links = forward.route.edits.links and not forward.is_live
        self.scheme = ask.scheme
        self.host = ask.host
        self.port = ask.port
        self.authority = authority_of(ask.scheme, ask.host, ask.port)
        self.pool: Pool | None = None
        """Where its destination's idle connections are, once somebody asked."""
        self.targets: dict[str, str] = {}
        """Targets that were found sound and hold no secret, and what they become."""
        self._request_lines: dict[str, str] = {}
        self._answer_lines: dict[str, str] = {}
        self._dropped: set[str] = set()
        self._ready: Ready = {} if ready is None else ready
        self.drops_set_aside = not forward.is_live and SET_ASIDE not in rules.keep.headers
        """An Authorization of the client changes nothing in what is sent."""
        if not forward.is_live:
            self._prepare(own_headers(ask, forward, rules, secrets))

    def __repr__(self) -> str:
        return f"<Plan {self.authority} by {self.forward.rule} to {self.to.name}>"

    def _prepare(self, own: list[tuple[str, str]]) -> None:
        edits = self.forward.route.edits
        self._not_kept = {name.lower() for name, _ in own} | _DOOR_WRITES
        added = [pair for pair in edits.set_headers if pair[0].lower() not in self._not_kept]
        self._not_kept.update(name.lower() for name, _ in added)
        if self.maps_links:
            own = [*_without(own, _NOT_ASKED), ("accept-encoding", "identity")]
            added = _without(added, _NOT_ASKED)
            self._not_kept |= _NOT_ASKED
        self._own = head_text(own)
        self._added = head_text(added)
        self._tags = head_text(injector_tags([], self.rules, self._ask))
        self._hops = head_text(hop_header([], self._hop)) if self._hop else ""
        self._sets_cookies = bool(edits.set_cookies)

    def ready_request(self, head: RequestHead) -> bytes | None:
        """The whole head that is sent for this one, if it was remembered."""
        return self._ready.get((self, head))

    def keep_request(self, head: RequestHead, data: bytes) -> None:
        """Remember what a head becomes that is itself remembered."""
        if head.is_shared:
            _remember(self._ready, (self, head), data, _MOST_READY)

    def ready_answer(self, head: AnswerHead) -> bytes | None:
        """What the head becomes for a client of HTTP/1.1 that keeps its connection."""
        return self._ready.get((self, head))

    def keep_answer(self, head: AnswerHead, data: bytes) -> None:
        """Remember what an answer's head becomes that is itself remembered."""
        if head.is_shared and not self.forward.is_live:
            _remember(self._ready, (self, head), data, _MOST_READY)

    def target_of(self, target: str) -> str:
        """What to ask the destination for. Only for a target that `ask_of` has found sound."""
        known = self.targets.get(target)
        if known is not None:
            return known
        if self.forward.is_live:
            edited = target
        else:
            edited = edit_target(target, self.rules, self.forward.route.edits)
        # `*` is sound for one method only, so it is asked about each time.
        if target != "*" and len(target) <= _LONGEST and safe_target(target) == target:
            _remember(self.targets, target, edited)
        return edited

    def request_text(self, head: RequestHead) -> str:
        """The request line and headers to send, without framing and without the last CRLF."""
        start = f"{head.method} {self.target_of(head.target)} HTTP/1.1\r\n"
        if self.forward.is_live or head.has_odd_connection:
            return start + self._edited_by_core(head)
        parts = [start, self._own]
        known = self._request_lines
        for raw, pair in zip(head.lines, head.headers, strict=True):
            text = known.get(raw)
            if text is None:
                text = self._request_line(raw, pair)
            parts.append(text)
        if head.cookies or self._sets_cookies:
            parts.append(self._cookies(head.cookies))
        parts.append(self._added)
        if head.has_tags:
            parts.append(head_text(injector_tags(head.headers, self.rules, self._ask)))
        else:
            parts.append(self._tags)
        if head.hops and self._hop:
            parts.append(head_text(hop_header(head.headers, self._hop)))
        else:
            parts.append(self._hops)
        return "".join(parts)

    def _request_line(self, raw: str, pair: tuple[str, str]) -> str:
        name, value = pair
        if name in self._dropped:
            return ""
        low = name.lower()
        if low in self._not_kept or (low not in self.rules.keep.headers and is_dropped_name(name)):
            if len(self._dropped) < _REMEMBERED and len(name) <= _LONGEST:
                self._dropped.add(name)
            return ""
        text = head_text(kept_headers([pair], self.rules, self.forward.route.edits))
        if len(raw) <= _LONGEST and is_harmless(low, value):
            _remember(self._request_lines, raw, text)
        return text

    def _cookies(self, values: list[str]) -> str:
        if "cookie" in self._not_kept:
            return ""
        edits = self.forward.route.edits
        text = cookie_header(
            values,
            are_marked=self.rules.cookies == "sandbox",
            keep=self.rules.keep.cookies,
            drop=edits.drop_cookies,
            add=edits.set_cookies,
        )
        return f"cookie: {text}\r\n" if text else ""

    def _edited_by_core(self, head: RequestHead) -> str:
        ask = self.ask_of(head)
        out = edit_request(
            ask, self.forward, head.headers, self.rules, self._secrets, self._hop
        ).headers
        if self.maps_links:
            out = [*_without(out, _NOT_ASKED), ("accept-encoding", "identity")]
        return head_text(_without(out, _DOOR_WRITES))

    def answer_text(self, asked: RequestHead, head: AnswerHead, *, is_mapped: bool) -> str | Refuse:
        """The answer's headers for the client, without framing; or why it does not get them."""
        if self.forward.is_live or head.has_odd_connection or is_mapped:
            ask = self.ask_of(asked)
            edited = edit_answer(ask, self.forward, head.headers, self.rules)
            if isinstance(edited, Refuse):
                return edited
            return head_text(_without(edited, _NOT_TOLD) if is_mapped else edited)
        parts: list[str] = []
        known = self._answer_lines
        for raw, pair in zip(head.lines, head.headers, strict=True):
            text = known.get(raw)
            if text is None:
                edited_line = self._answer_line(asked, raw, pair)
                if isinstance(edited_line, Refuse):
                    return edited_line
                text = edited_line
            parts.append(text)
        parts.append("x-esr-env: sandbox\r\n")
        return "".join(parts)

    def _answer_line(self, asked: RequestHead, raw: str, pair: tuple[str, str]) -> str | Refuse:
        edited = edit_answer(self.ask_of(asked), self.forward, [pair], self.rules)
        if isinstance(edited, Refuse):
            return edited
        text = head_text(edited[:-1])  # the last one says that it comes from the sandbox
        if len(raw) <= _LONGEST and is_harmless(pair[0].lower(), pair[1]):
            _remember(self._answer_lines, raw, text)
        return text

    def ask_of(self, head: RequestHead) -> Ask:
        """The request as the core reads it."""
        return Ask(self.scheme, self.host, self.port, head.method, head.target)


def head_text(pairs: Iterable[tuple[str, str]]) -> str:
    """Header lines, each with its CRLF. Raises ValueError for what would not stay one line."""
    text = []
    for name, value in pairs:
        if not is_token(name) or "\r" in value or "\n" in value or "\0" in value:
            raise ValueError("a header that was to be sent is malformed")
        text.append(f"{name}: {value}\r\n")
    return "".join(text)


def _without(pairs: Iterable[tuple[str, str]], names: frozenset[str]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0].lower() not in names]


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(known: dict[_Key, _Value], key: _Key, value: _Value, most: int = _REMEMBERED) -> None:
    if len(known) >= most:
        known.clear()
    known[key] = value
