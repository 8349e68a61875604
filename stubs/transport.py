"""The gateway's end of a connection: uvicorn's own, where that alone would not do.

Everything that leans on uvicorn's inside is here and nowhere else, and
`tests/integration/test_stub_gateway.py` holds it to the uvicorn that is installed. Floor 1.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stubs.service import PROBLEM, answer_problem

_NO_HTTP: Final = answer_problem(400, "Bad request", "this is no HTTP request that can be read")
_NO_HTTP_ANSWER: Final = b"".join(
    (
        b"HTTP/1.1 400 Bad Request\r\nx-esr-env: sandbox\r\nconnection: close\r\n",
        b"content-type: %b\r\ncontent-length: %d\r\n\r\n" % (PROBLEM, len(_NO_HTTP.body)),
        _NO_HTTP.body,
    )
)


class StubConnection(HttpToolsProtocol):
    """One connection to the gateway."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # The parser takes whatever follows an Upgrade for another protocol, which nobody speaks
        # here: kept alive, the caller's next request would never be answered.
        if self.cycle is not None and self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """What never gets as far as the gateway is answered by the sandbox all the same."""
        self.transport.write(_NO_HTTP_ANSWER)
        self.transport.close()
