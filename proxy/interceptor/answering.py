"""What the client gets for what the sandbox answered: rebuilt, and held back where it leads out.

Read next: `router.py`.
"""

from __future__ import annotations

from typing import Final

from mitmproxy.http import HTTPFlow, Response

from proxy.interceptor.answers import blank_response, fields, pairs, refused_response
from proxy.interceptor.bodies import Instead, Links, decoder_of
from proxy.interceptor.framing import answer_framing
from proxy.interceptor.passage import Passage
from switchboard.base_url import authority_of
from switchboard.decide import Forward, Refuse, refuse
from switchboard.edit_answer import edit_answer
from switchboard.link_mapper import LinkMapper, is_text

SWITCHING: Final = 101


def answer_forwarded(flow: HTTPFlow, passage: Passage, forward: Forward) -> Refuse | None:
    """Put the answer for the client in place of the sandbox's, before its body; or say why not.

    The sandbox's own object stays as it is: mitmproxy reads its body by it.
    """
    original = flow.response
    if original is None:
        return refuse("bad-answer")
    headers = pairs(original.headers)
    refusal = _refuse_status(flow, original)
    edited = edit_answer(passage.ask, forward, headers, passage.rules)
    if refusal is None and isinstance(edited, Refuse):
        refusal = edited
    if refusal is not None or isinstance(edited, Refuse):
        return refusal
    links = _links(passage, forward, original)
    if isinstance(links, Refuse):
        return links
    if links is not None:
        edited = [pair for pair in edited if pair[0].lower() != "content-encoding"]
    if original.status_code == SWITCHING:
        framing = [("connection", "Upgrade"), ("upgrade", "websocket")]
    else:
        framing = answer_framing(
            original.status_code,
            headers,
            client_is_http11=passage.is_http11,
            is_rewritten=links is not None,
        )
    flow.response = _rebuilt(original, [*edited, *framing])
    if original.status_code != SWITCHING:
        flow.response.stream = links or passage.answered
    return None


def _refuse_status(flow: HTTPFlow, original: Response) -> Refuse | None:
    status = original.status_code
    if status == SWITCHING:
        upgrade = original.headers.get("upgrade", "").lower()
        if upgrade == "websocket" and flow.request.headers.get("upgrade", "") == "websocket":
            return None
        return refuse("bad-answer", "it switches to a protocol that nobody asked for")
    return None if 200 <= status <= 599 else refuse("bad-answer", "its status is no final one")


def _links(passage: Passage, forward: Forward, original: Response) -> Links | Refuse | None:
    """What maps the links of the body; None where none are mapped."""
    if not forward.route.edits.links or not is_text(original.headers.get("content-type", "")):
        return None
    decoder = decoder_of(original.headers.get("content-encoding", ""))
    if decoder is None:
        return refuse("bad-answer", "it is encoded so that its links cannot be read")
    return Links(LinkMapper(passage.ask, forward, passage.rules), decoder, passage.answered)


def _rebuilt(original: Response, headers: list[tuple[str, str]]) -> Response:
    answer = blank_response()
    data = answer.data
    data.status_code = original.status_code
    data.reason = original.data.reason
    data.headers = fields(headers)
    data.timestamp_start = original.timestamp_start
    return answer


def answer_refused(flow: HTTPFlow, passage: Passage, refusal: Refuse) -> None:
    """Put a problem document in place of the sandbox's answer, and let its body run into nothing.

    A stream has no body of the addon's, so it is given by what reads the other one.
    """
    ask = passage.ask
    host = authority_of(ask.scheme, ask.host, ask.port)
    answer = refused_response(refusal, host, method=ask.method)
    body = answer.raw_content or b""
    answer.stream = Instead(body)
    flow.response = answer


def finish_refused(answer: Response) -> None:
    """Give the problem document its body where there was no other to read."""
    instead = answer.stream
    if isinstance(instead, Instead) and not instead.is_given:
        answer.raw_content = instead.take()
