"""The router: the addon in which every request is decided, before anything is dialled for it.

A request that passes is replaced by one that we build; one that does not is answered in place. An
exception in a hook of ours refuses that request. Read next: `guard.py`, the question before a dial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from mitmproxy import ctx, exceptions
from mitmproxy.connection import Client
from mitmproxy.dns import DNSFlow
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from proxy.interceptor.answering import answer_forwarded, answer_refused, finish_refused
from proxy.interceptor.answers import pairs, refusal_of, refused_response, response
from proxy.interceptor.asking import (
    build_request,
    headers_of,
    is_http2,
    read_ask,
    read_framing,
)
from proxy.interceptor.bodies import Tap
from proxy.interceptor.doorway import Visit
from proxy.interceptor.errors import UnsafeOptionError
from proxy.interceptor.framing import has_body
from proxy.interceptor.gate import Gate
from proxy.interceptor.guard import Guard
from proxy.interceptor.names_service import NamesService, is_held_back
from proxy.interceptor.options import check_options
from proxy.interceptor.passage import KEY, Passage, exchange_of, passage_of
from proxy.interceptor.reporting import Reporter, client_name
from proxy.interceptor.settings import Settings
from proxy.interceptor.troubled import Troubles, given_response, wait_out
from switchboard.base_url import authority_of
from switchboard.decide import Ask, Forward, FromStub, Refuse, refuse
from switchboard.edit_request import (
    MissingSecretError,
    edit_request,
    injector_tags,
    is_loop,
    kept_headers,
)
from switchboard.exchange import Headers, StubAsk, StubCall
from switchboard.rules import Rules
from switchboard.trouble import upstream_of

_CLIENT_LEFT = ("Client disconnected", "stream reset by client", "killed", "EOF")
Sever = Callable[[HTTPFlow], None]


class Router:
    """Decides, rebuilds, answers, and tells of it.

    stubs: answers for routes that lead to a stub.   sever: ends the flow's connection upstream.
    troubles: asked for what was decided to pass.
    """

    name = "esr-router"

    def __init__(
        self,
        gate: Gate,
        guard: Guard,
        reporter: Reporter,
        settings: Settings,
        visit: Callable[[Client], Visit],
        sever: Sever,
        stubs: StubCall | None,
        troubles: Troubles,
    ) -> None:
        self._gate = gate
        self._guard = guard
        self._reporter = reporter
        self._settings = settings
        self._visit = visit
        self._sever = sever
        self._stubs = stubs
        self._troubles = troubles

    def configure(self, updated: Collection[str]) -> None:
        """No option may change to one that lets traffic past us."""
        try:
            check_options(ctx.options)
        except UnsafeOptionError as error:
            raise exceptions.OptionsError(str(error)) from error  # type: ignore[no-untyped-call]

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Deny, unless the guard knows better."""
        self._guard.server_connect(data)

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Decide; nothing was dialled yet, whatever the body is."""
        self._reporter.counts.requests += 1
        flow.request.stream = False
        try:
            self._visit(flow.client_conn).has_asked = True
            headers = headers_of(flow)
            refusal = self._pass(flow, headers) if flow.error is None else refuse("bad-request")
        except Exception as error:
            refusal = _failed(error)
        if refusal is not None:
            self._refuse(flow, refusal)

    def _pass(self, flow: HTTPFlow, headers: Headers) -> Refuse | None:
        """Send it on its way, or say why it is refused."""
        framing = read_framing(flow, headers)
        if isinstance(framing, Refuse):
            return framing
        tunnel = self._visit(flow.client_conn).tunnel
        ask = read_ask(flow, self._settings.mode, tunnel, headers)
        if isinstance(ask, Refuse):
            return ask
        if self._settings.hop and is_loop(headers, self._settings.hop):
            return refuse("loop")
        decision = self._gate.decide(ask)
        rules = self._gate.switch.rules
        if isinstance(decision, Refuse):
            return decision
        if rules is None:
            return refuse("no-rules")
        passage = self._passage(flow, ask, decision, rules, headers)
        passage.trouble = self._troubles.of_request(
            ask, upstream_of(decision), headers, is_tunnelled=tunnel is not None
        )
        if passage.trouble is not None and passage.trouble.answer is not None:
            self._begin(flow, passage)
            passage.is_over = True  # nothing is dialled, and nothing will have passed
            flow.response = given_response(passage.trouble.answer, ask.method)
            return None
        if isinstance(decision, FromStub):
            return self._expect_stub(flow, passage)
        return self._forward(flow, passage, decision, framing)

    def _passage(
        self,
        flow: HTTPFlow,
        ask: Ask,
        decision: Forward | FromStub,
        rules: Rules,
        headers: Headers,
    ) -> Passage:
        most = self._settings.max_captured_bytes
        return Passage(
            ask,
            decision,
            rules,
            client_name(flow.client_conn),
            headers,
            is_http11=not is_http2(flow) and flow.request.data.http_version == b"HTTP/1.1",
            asked=Tap(most),
            answered=Tap(most),
        )

    def _forward(
        self, flow: HTTPFlow, passage: Passage, forward: Forward, framing: Headers
    ) -> Refuse | None:
        ask = passage.ask
        secrets = self._gate.switch.secrets
        try:
            outgoing = edit_request(
                ask, forward, passage.headers, passage.rules, secrets, self._settings.hop
            )
        except MissingSecretError as error:
            return refuse("no-rules", str(error))
        request = build_request(ask, forward, outgoing, framing)
        if has_body(framing):
            request.stream = passage.asked
        flow.request = request
        self._begin(flow, passage)
        self._guard.route(flow.client_conn, forward.to)
        return None

    def _expect_stub(self, flow: HTTPFlow, passage: Passage) -> Refuse | None:
        if self._stubs is None:
            return refuse("stub-broken", "this door has no stubs")
        self._begin(flow, passage)
        # An answer that is there already: whatever happens now, nothing is dialled.
        flow.response = refused_response(refuse("stub-broken"), self._host(passage))
        return None

    def _begin(self, flow: HTTPFlow, passage: Passage) -> None:
        flow.metadata[KEY] = passage
        self._visit(flow.client_conn).in_flight += 1

    def _end(self, flow: HTTPFlow, passage: Passage) -> None:
        _stop_timer(passage)
        if not passage.has_ended:
            passage.has_ended = True
            self._visit(flow.client_conn).in_flight -= 1
            if passage.trouble is not None:
                passage.trouble.over()

    async def request(self, flow: HTTPFlow) -> None:
        """The body is here: ask the stub, and write the length that HTTP/2 did not say."""
        passage = passage_of(flow)
        if passage is None:
            return
        flow.request.trailers = None
        try:
            if passage.trouble is not None:
                await wait_out(passage.trouble, flow.client_conn)
                if passage.trouble.answer is not None:
                    return
            if isinstance(passage.decision, FromStub):
                await self._ask_stub(flow, passage, passage.decision)
                return
            if flow.request.raw_content:
                passage.asked(flow.request.raw_content)
                flow.request.headers["content-length"] = str(len(flow.request.raw_content))
            self._expect_answer(flow, passage)
        except Exception as error:
            passage.is_over = True
            flow.request.stream = False
            self._refuse(flow, _failed(error))

    def _expect_answer(self, flow: HTTPFlow, passage: Passage) -> None:
        def give_up() -> None:
            passage.is_late = True
            self._sever(flow)

        wait_s = self._settings.answer_timeout_s
        passage.timer = asyncio.get_running_loop().call_later(wait_s, give_up)

    async def _ask_stub(self, flow: HTTPFlow, passage: Passage, decision: FromStub) -> None:
        ask = passage.ask
        body = flow.request.raw_content or b""
        passage.asked(body)
        headers = [
            *kept_headers(passage.headers, passage.rules, decision.route.edits),
            *injector_tags(passage.headers, passage.rules, ask),
        ]
        question = StubAsk(decision.stub, ask.method, ask.target, headers, body)
        refusal = refuse("stub-broken")
        try:
            if self._stubs is not None:
                async with asyncio.timeout(self._settings.stub_timeout_s):
                    answer = await self._stubs(question)
                length = ("content-length", str(len(answer.body)))
                given = [pair for pair in answer.headers if pair[0].lower() != "content-length"]
                passage.answered(answer.body)
                shown = b"" if ask.method == "HEAD" else answer.body
                flow.response = response(answer.status, [*given, length], shown)
                return
        except TimeoutError:
            refusal = refuse("upstream-timeout", "the stub did not answer in time")
        passage.is_over = True
        self._refuse(flow, refusal)

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Replace the sandbox's answer, before its body, by what the client may get."""
        passage = passage_of(flow)
        if passage is None or not isinstance(passage.decision, Forward) or passage.is_over:
            return
        _stop_timer(passage)
        try:
            refusal = answer_forwarded(flow, passage, passage.decision)
        except Exception as error:
            refusal = _failed(error)
        if refusal is None:
            return
        passage.is_over = True
        is_switch = flow.response is not None and flow.response.status_code == 101
        answer_refused(flow, passage, refusal)
        if is_http2(flow) and flow.response is not None:
            flow.response.headers.pop("connection", None)
        self._tell(flow, self._host(passage), passage.ask.method, refusal)
        if is_switch:
            self._sever(flow)

    def response(self, flow: HTTPFlow) -> None:
        """Tell of what was answered."""
        passage = passage_of(flow)
        if passage is None or flow.response is None:
            return
        flow.response.trailers = None
        self._end(flow, passage)
        if passage.is_over:
            finish_refused(flow.response)
            return
        passage.is_over = True
        exchange = exchange_of(passage, flow.response.status_code, pairs(flow.response.headers))
        self._reporter.passed(exchange)

    def error(self, flow: HTTPFlow) -> None:
        """Tell of a request that got no whole answer, and whose fault it was."""
        passage = passage_of(flow)
        if passage is None:
            return
        self._end(flow, passage)
        if passage.is_over or flow.error is None:
            return
        passage.is_over = True
        message = flow.error.msg
        if message.startswith(_CLIENT_LEFT) or not flow.client_conn.connected:
            self._reporter.counts.clients_gone += 1
            return
        refusal = refuse("upstream-timeout") if passage.is_late else refusal_of(502, message)
        if refusal.rule == "not-sealed":
            return  # the seal has told of it
        self._tell(flow, self._host(passage), passage.ask.method, refusal)

    def websocket_message(self, flow: HTTPFlow) -> None:
        """Keep none of them: mitmproxy would keep them all."""
        if flow.websocket is not None:
            flow.websocket.messages.clear()

    def _refuse(self, flow: HTTPFlow, refusal: Refuse) -> None:
        """Answer in place; never together with a stream, which mitmproxy cannot do."""
        passage, request = passage_of(flow), flow.request
        host = self._host(passage) if passage is not None else _asked_host(flow)
        request.stream = False
        method = passage.ask.method if passage is not None else request.method
        flow.response = refused_response(refusal, host, method=method)
        if is_http2(flow):
            flow.response.headers.pop("connection", None)
        self._tell(flow, host, method, refusal)

    def _tell(self, flow: HTTPFlow, host: str, method: str, refusal: Refuse) -> None:
        self._reporter.refused(flow.client_conn, host, method, refusal)

    @staticmethod
    def _host(passage: Passage) -> str:
        return authority_of(passage.ask.scheme, passage.ask.host, passage.ask.port)


def _stop_timer(passage: Passage) -> None:
    if passage.timer is not None:
        passage.timer.cancel()
        passage.timer = None


def _asked_host(flow: HTTPFlow) -> str:
    """What was asked for, as far as that can be said."""
    data = flow.request.data
    return flow.request.headers.get("host", "") or data.authority.decode("latin-1") or data.host


def _failed(error: Exception) -> Refuse:
    """An exception in our own code denies; its message may quote the request, so it is not told."""
    return refuse("no-rules", f"the interceptor failed with {type(error).__name__}")


class NamesRouter:
    """The addon that is asked for names. In other modes than dns nobody does."""

    name = "esr-names"

    def __init__(self, service: NamesService, reporter: Reporter) -> None:
        self._service = service
        self._reporter = reporter

    def dns_request(self, flow: DNSFlow) -> None:
        """Answer; without an answer mitmproxy would say SERVFAIL, for it knows no other server."""
        if flow.request.query:
            self._service.answer(flow, lambda name, why: self._refused(flow, name, why))
            self._reporter.counts.names_answered += 1

    def dns_response(self, flow: DNSFlow) -> None:
        """Say nothing to what was no question: two servers could go on for ever."""
        if not flow.request.query or is_held_back(flow):
            flow.response = None

    def _refused(self, flow: DNSFlow, name: str, refusal: Refuse) -> None:
        self._reporter.refused(flow.client_conn, name, "DNS", refusal)
