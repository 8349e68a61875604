"""Cases about what comes back: answers that lead out, answers that break, upstreams that fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.leaks.case import CONTAINED, PATIENCE_S, ROUTED, SANDBOX, Case, Run, Visit
from tests.leaks.lanes import HTTP
from tests.leaks.places import PROD_V4
from tests.leaks.wire import Answer

_LEADS_OUT: Final = ("hms.gov", PROD_V4, "3405803786", "other.example")
_DOING: Final = {
    "redirect-name": "a redirect to production",
    "redirect-ip": "a redirect to an address",
    "redirect-unmapped": "a redirect to a host that nobody named",
    "redirect-userinfo": "a redirect with user information",
    "redirect-slashes": "a redirect without a scheme",
    "redirect-backslash": "a redirect with backslashes",
    "redirect-decimal": "a redirect to a number",
    "refresh": "a page that reloads as production's",
    "alt-svc": "an offer to go on in HTTP/3 with production",
    "link": "a preload from production",
    "content-location": "a document that says it lives elsewhere",
    "hsts": "an answer that binds the client's later requests",
}


def _following(name: str) -> Run:
    """Ask for a hostile answer, and go wherever it leads, as a careless client does."""

    def run(visit: Visit) -> None:
        answer = visit.ask(visit.open(), ROUTED, f"/do/{name}")
        if answer is None:
            return
        said = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
        visit.must(
            not any(each in said.lower() for each in _LEADS_OUT), f"the answer leads out: {said}"
        )
        visit.must("alt-svc" not in answer.headers, "an Alt-Svc came through")
        visit.must("strict-transport-security" not in answer.headers, "an HSTS came through")
        place = answer.headers.get("location", "")
        if "//" in place:
            host = place.partition("//")[2].partition("/")[0].rpartition("@")[2]
            visit.ask(visit.open(host), host, "/landed")

    return run


def _one(path: str, check: Callable[[Visit, Answer | None], None], host: str = ROUTED) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.open(host)
        check(visit, visit.ask(stream, host, path))

    return run


def _links(visit: Visit, answer: Answer | None) -> None:
    visit.must(answer and b"127.0.0.3:9001" not in answer.body, "the sandbox's own address shows")
    # What a careless client would do with a link of the page.
    visit.answers.append(visit.ask(visit.open("www.hms.gov"), "www.hms.gov", "/a"))
    visit.must(
        visit.answers[-1] is None or visit.answers[-1].is_refusal, "the link's host answered"
    )


def _is_refused(visit: Visit, answer: Answer | None) -> None:
    visit.must(answer is None or answer.is_refusal, f"it passed: {answer}")


def _dies(visit: Visit, answer: Answer | None) -> None:
    visit.must(
        answer is None or answer.is_refusal or len(answer.body) < 1000, "half passed for whole"
    )


def _is_ours(visit: Visit, answer: Answer | None) -> None:
    visit.must(answer and answer.is_from_sandbox, f"not the sandbox's: {answer}")


def _has_no_foreign_cookie(visit: Visit, answer: Answer | None) -> None:
    visit.must(
        answer and "hms.gov" not in answer.headers.get("set-cookie", ""), "a cookie for production"
    )


def _split(visit: Visit) -> None:
    """What an answer has too much must not be taken for the next client's."""
    for _ in range(3):
        stream = visit.open()
        visit.ask(stream, ROUTED, "/do/split")
        later = visit.ask(stream, ROUTED, "/later")
        visit.must(later is None or "x-split" not in later.headers, "an answer was split")


def _tunnel_by_101(visit: Visit) -> None:
    """A 101 that nobody asked for must not become a tunnel."""
    stream = visit.open()
    visit.ask(stream, ROUTED, "/do/wrong-101")
    stream.send(
        b"\x05\x01\x00GET http://www.hms.gov/smuggled HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n"
    )
    while stream.more(PATIENCE_S):
        pass
    raw = visit.sandbox.look().raw
    visit.must(b"smuggled" not in raw, "bytes went through a tunnel")


CASES: Final = [
    *(Case(name, why, HTTP, _following(name), CONTAINED) for name, why in _DOING.items()),
    Case("links", "a page full of links to production", HTTP,
         _one("/do/links", _links, "links.hms.example"), CONTAINED),
    Case("cookie-domain", "a cookie for production's domain", HTTP,
         _one("/do/cookie", _has_no_foreign_cookie), CONTAINED),
    Case("dies-mid-answer", "an upstream that ends in the middle", HTTP,
         _one("/do/die", _dies), CONTAINED),
    Case("both-lengths-answer", "an answer that can be read in two ways", HTTP,
         _one("/do/both-lengths", lambda visit, answer: None), CONTAINED),
    Case("answers-early", "an answer before the request is over", HTTP,
         _one("/early", lambda visit, answer: None), CONTAINED),
    Case("answer-split", "more than one answer to one request", HTTP, _split, CONTAINED),
    Case("unasked-101", "a switch of protocols that nobody asked for", HTTP, _tunnel_by_101,
         CONTAINED),
    Case("upstream-down", "the sandbox is not there", HTTP,
         _one("/", _is_refused, "down.hms.example")),
    Case("upstream-impostor", "an upstream with another authority's certificate", HTTP,
         _one("/", _is_refused, "impostor.hms.example")),
    Case("upstream-tls", "an upstream with the sandbox's certificate", HTTP,
         _one("/", _is_ours, "secure.hms.example"), SANDBOX),
    Case("prefix", "a route with another prefix", HTTP,
         _one("/v1/x", _is_ours, "prefix.hms.example"), SANDBOX),
    Case("prefix-escape", "a path that leaves its prefix", HTTP,
         _one("/v1/../../x", _is_refused, "prefix.hms.example")),
    Case("prefix-missed", "a path that no route takes falls to the next route", HTTP,
         _one("/other", _is_ours, "prefix.hms.example"), SANDBOX),
]  # fmt: skip
