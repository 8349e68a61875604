"""Cases about credentials of production: in every place, none may reach even the sandbox."""

from __future__ import annotations

import base64
from typing import Final

from tests.leaks.case import CONTAINED, ROUTED, SANDBOX, Case, Visit, ask_for, inside
from tests.leaks.cases_hosts import LOOSE
from tests.leaks.lanes import HTTP
from tests.leaks.places import MARK

ONCE: Final = ("gateway", "forward", "reverse", "socks5-tls", "transparent", "asgi", "wsgi")
"""Each door once: what is stripped does not depend on how a tunnel was asked for."""

_BASIC: Final = base64.b64encode(f"user:{MARK}".encode()).decode()
_JWT: Final = f"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2htcy5nb3YifQ.{MARK}{'a' * 33}"
_AWS: Final = f"AKIA{MARK}ABCDEF"
_STRIPE: Final = f"sk_live_{MARK}{'0' * 24}"
_GITHUB: Final = f"ghp_{MARK}{'b' * 26}"

_HEADERS: Final = {
    "bearer": f"Authorization: Bearer {MARK}token",
    "basic": f"Authorization: Basic {_BASIC}",
    "odd-case": f"aUtHoRiZaTiOn: bEaReR {MARK}",
    "sigv4": f"Authorization: AWS4-HMAC-SHA256 Credential={_AWS}/20200101, Signature={MARK}",
    "proxy": f"Proxy-Authorization: Basic {_BASIC}",
    "cookie": f"Cookie: sid={MARK}; theme=dark",
    "cookie2": f"Cookie2: sid={MARK}",
    "api-key": f"X-Api-Key: {MARK}",
    "api-key-underscore": f"x_api_key: {MARK}",
    "apikey": f"ApiKey: {MARK}",
    "auth-token": f"X-Auth-Token: {MARK}",
    "csrf": f"X-Csrf-Token: {MARK}",
    "amz-token": f"X-Amz-Security-Token: {MARK}",
    "goog": f"X-Goog-Api-Key: {MARK}",
    "azure": f"Ocp-Apim-Subscription-Key: {MARK}",
    "forwarded-auth": f"X-Forwarded-Authorization: Bearer {MARK}",
    "client-cert": f"X-Forwarded-Client-Cert: Hash={MARK}",
    "client-cert-pem": f"X-SSL-Client-Cert: {MARK}",
    "custom-jwt": f"X-Whatever: {_JWT}",
    "custom-aws": f"X-Note: {_AWS}",
    "custom-stripe": f"X-Note: {_STRIPE}",
    "custom-github": f"X-Note: {_GITHUB}",
    "custom-bearer": f"X-Note: Bearer {MARK}{'c' * 20}",
    "referer": f"Referer: https://www.hms.gov/?access_token={MARK}",
    "referer-userinfo": f"Referer: https://user:{MARK}@www.hms.gov/",
    "subprotocol": f"Sec-WebSocket-Protocol: bearer, {_JWT}",
    "x-esr": f"X-Esr-Token: {MARK}",
    "named-hop": f"Connection: x-secret\r\nX-Secret: {MARK}",
}
_QUERIES: Final = {
    "access-token": f"access_token={MARK}",
    "api-key": f"a=1&api_key={MARK}",
    "amz-signature": f"X-Amz-Signature={MARK}&X-Amz-Credential={_AWS}",
    "azure-sas": f"sv=2020&sig={MARK}",
    "goog-signature": f"X-Goog-Signature={MARK}",
    "password": f"password={MARK}",
    "escaped-name": f"access%5Ftoken={MARK}",
    "jwt": f"x={_JWT}",
    "semicolon": f"a=1;access_token={MARK}",
    "client-secret": f"client_secret={MARK}",
}
_PATHS: Final = {"jsessionid": f"/a;jsessionid={MARK}", "jwt": f"/verify/{_JWT}"}


def _headers() -> list[Case]:
    return [
        ask_for(f"secret-{name}", "a credential of production", ROUTED, headers=[line],
                lanes=ONCE, expect=SANDBOX)
        for name, line in _HEADERS.items()
    ]  # fmt: skip


def _targets() -> list[Case]:
    places = {f"query-{name}": f"/a?{query}" for name, query in _QUERIES.items()}
    places.update({f"path-{name}": path for name, path in _PATHS.items()})
    return [
        ask_for(f"secret-{name}", "a credential of production in a URL", ROUTED, path=path,
                lanes=ONCE, expect=SANDBOX)
        for name, path in places.items()
    ]  # fmt: skip


def _refused_with_secret(visit: Visit) -> None:
    """A refusal must not say the credential back."""
    answer = visit.ask(
        visit.open("www.hms.gov"), "www.hms.gov", f"/x?token={MARK}", [f"Authorization: {MARK}"]
    )
    if answer is not None:
        said = repr(answer.headers) + answer.body.decode("latin-1")
        visit.must(MARK not in said, "the refusal repeats the credential")


CASES: Final = [
    *_headers(),
    *_targets(),
    inside("secret-trailer", "a credential after the body",
           f"POST {{url}}/ HTTP/1.1\nHost: {ROUTED}\nTransfer-Encoding: chunked\n\n"
           f"3\nabc\n0\nAuthorization: Bearer {MARK}\n\n", lanes=HTTP, expect=CONTAINED),
    inside("secret-userinfo", "a credential in the URL's user information",
           f"GET http://user:{MARK}@{ROUTED}/ HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP, but=LOOSE),
    inside("secret-host-userinfo", "a credential in the host",
           f"GET {{url}}/ HTTP/1.1\nHost: user:{MARK}@{ROUTED}\n\n", lanes=HTTP, but=LOOSE),
    inside("secret-chunk-extension", "a credential between the chunks",
           f"POST {{url}}/ HTTP/1.1\nHost: {ROUTED}\nTransfer-Encoding: chunked\n\n"
           f"3;auth={MARK}\nabc\n0\n\n", lanes=HTTP, expect=CONTAINED),
    inside("secret-twice", "the same header, twice",
           f"GET {{url}}/ HTTP/1.1\nHost: {ROUTED}\nAuthorization: a\nAuthorization: {MARK}\n\n",
           lanes=HTTP, expect=CONTAINED),
    Case("secret-in-refusal", "a credential in a request that is refused", HTTP,
         _refused_with_secret),
]  # fmt: skip
