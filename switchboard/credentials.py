"""What never leaves the recording: credentials, whatever they are called and wherever they stand.

Floor 0. A recorded request is stripped here before it lands in a tape, so neither a disk nor a
sandbox ever sees a production secret. Headers go by name or by the shape of their value; query
values go by name or by shape and read `sandbox` afterwards. When in doubt it is dropped: a
replay can miss a header, a secret that has left cannot be called back.
Read next: `rewrite.py`, which puts the sandbox's own credentials in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

from switchboard.headers import HOP_BY_HOP, connection_names, is_token, is_value

REPLACED: Final = "sandbox"

# Also what says where a request came from or went to: it is the proxy's to say, and personal.
_DROPPED_NAMES: Final = HOP_BY_HOP | {
    "alt-used",
    "auth",
    "authentication",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "cookie",
    "cookie2",
    "dpop",
    "forwarded",
    "host",
    "key",
    "proxy",  # becomes $HTTP_PROXY of a CGI program
    "proxy-authenticate",
    "set-cookie",
    "set-cookie2",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-real-ip",
}
_DROPPED_PREFIXES: Final = (
    "x-amz-",
    "x-amzn-",
    "x-auth-",
    "x-esr-",
    "x-forwarded-",
    "x-goog-",
    "x-ms-client-",
    "x-ssl-",
    "x-vault-",
)
_DROPPED_SUFFIXES: Final = ("-key", "-auth", "-authentication", "-otp", "-pin", "-saml")
_DROPPED_PARTS: Final = (
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "client-cert",
    "cookie",
    "credential",
    "csrf",
    "hmac",
    "jwt",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "session",
    "signature",
    "token",
    "xsrf",
)
# End in -key, yet are the request's own business.
_KEPT_NAMES: Final = frozenset({"idempotency-key", "x-idempotency-key", "surrogate-key"})

_SECRET_PARAMS: Final = frozenset(
    {
        "access_key",
        "accesskey",
        "assertion",
        "auth",
        "awsaccesskeyid",
        "code",
        "hmac",
        "jsessionid",
        "key",
        "otp",
        "pass",
        "phpsessid",
        "pin",
        "pwd",
        "samlrequest",
        "samlresponse",
        "sid",
        "sig",
        "ticket",
    }
)
_SECRET_PARAM_PREFIXES: Final = ("x-amz-", "x-goog-")
_SECRET_PARAM_PARTS: Final = (*_DROPPED_PARTS, "session_id", "auth_")

# A name that ends in one of these: `userPass`, `user.pin`, `pin[0]`, `privateKey`.
_LAST_WORDS: Final = frozenset(
    {"assertion", "auth", "bearer", "key", "otp", "pass", "pin", "pwd", "sid", "sig", "totp"}
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# What somebody calls a value in a text of whatever kind: `"pin": 1`, `user[pass] = x`.
_NAMED: Final = re.compile(
    r"(?<![\w-])([A-Za-z_][\w-]{0,255}(?:\[\w{0,32}\]){0,3})"
    r"\\{0,3}[\"'`]?[ \t]{0,16}(?:=>|[:=])(?![:=/])\s{0,16}\S"
)
_HARMLESS_NAMES: Final = frozenset({"code", "key", "ticket"})
"""In a query they hold credentials; elsewhere they are everybody's words."""

# Alternatives that all start with a literal let `search` skip ahead by first character.
_SECRET_SHAPE: Final = re.compile(
    # A JSON web token, signed or encrypted. Its head has a limit, or `eyJeyJeyJ...` would be read
    # through again from every one of them; of a longer one the claims are seen, which begin so too.
    r"eyJ[A-Za-z0-9_-]{6,4096}(?:\.[A-Za-z0-9_-]*)+"
    r"|AKIA[0-9A-Z]{12,}|ASIA[0-9A-Z]{12,}"
    r"|AIza[0-9A-Za-z_-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|sk_live_[A-Za-z0-9]{8,}|rk_live_[A-Za-z0-9]{8,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{8,}"
)
_AUTH_SCHEME: Final = re.compile(
    r"\s*(?:bearer|basic|digest|negotiate|ntlm|hawk|apikey|aws4-hmac-sha256)[\s,]", re.IGNORECASE
)
# In a header nobody begins a sentence with these; in a query or a body somebody may.
_HEADER_SCHEME: Final = re.compile(
    r"\s*(?:aws|googlelogin|mac|oauth|sharedkey|sharedkeylite|token)[ \t]", re.IGNORECASE
)
# Further on in a text it must also look like one: eight characters, and not a word.
_AUTH_INSIDE: Final = re.compile(
    r"(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Tt]oken|[Nn]egotiate|[Aa]pi[Kk]ey)[ \t,]+"
    r"(?=[\w.~+/-]*[\d=])[\w.~+/=-]{8,}"
    r"|bearer\.authorization\."
)
_USER_INFO: Final = re.compile(r"://[^/?#\s@]*@")
_NESTED_PARAM: Final = re.compile(r"(?:^|[?&;#,])([^=&?;#,]{1,64})=[^&;#,]")
_cut: Final = re.compile(r"([&;#])").split

_CACHE_SIZE: Final = 8_192
_CACHED_VALUE: Final = 200
_CACHED_PARAM: Final = 80
_names: dict[str, bool] = {}
_lines: dict[tuple[str, str], str] = {}
_params: set[str] = set()
_plain_names: set[str] = set()


def safe_headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that may be replayed, in order; every name and value is plain ASCII."""
    pairs = tuple(pairs)
    hop = connection_names(pairs)
    kept = []
    for name, value in pairs:
        text = safe_value(name, value)
        if text is not None and name.lower() not in hop:
            kept.append((name, text))
    return kept


def header_lines(pairs: Iterable[tuple[str, str]]) -> str:
    """`safe_headers` as one text of `Name: value` lines, each ending in CRLF: the fast way."""
    pairs = tuple(pairs)
    lines = []
    for name, value in pairs:
        # An exact hit is a line that was found harmless before; anything else is looked at.
        line = _lines.get((name, value)) or header_line(name, value)
        if line is not None:
            lines.append(line)
        elif name.lower() == "connection" and value.lower() not in ("close", "keep-alive"):
            return "".join([f"{name}: {value}\r\n" for name, value in safe_headers(pairs)])
    return "".join(lines)


def header_line(name: str, value: str) -> str | None:
    """`Name: value` and CRLF, or None when the header must be dropped.

    Sees one header alone: only `safe_headers` and `header_lines` also drop what a `Connection`
    header names.
    """
    text = safe_value(name, value)
    if text is None:
        return None
    line = f"{name}: {text}\r\n"
    # Only what is kept is remembered: a secret must not live on in a cache.
    if len(value) <= _CACHED_VALUE and text == value:
        if len(_lines) >= _CACHE_SIZE:
            _lines.clear()
        _lines[name, value] = line
    return line


def safe_value(name: str, value: str) -> str | None:
    """The value that may be replayed under this header name, or None when it must be dropped."""
    dropped = _names.get(name)
    if dropped is None:
        dropped = _remember_name(name)
    if dropped or not is_value(value):
        return None
    if has_secret_shape(value) or _HEADER_SCHEME.match(value) is not None:
        return None
    if "=" in value:
        if "?" in value:
            value = safe_target(value)  # a Referer, say: worth keeping without its secrets
        elif _is_secret_value(value):
            return None
    if ('"' in value or ": " in value or "%" in value) and names_secret(_decoded(value)):
        return None
    return value.strip(" \t")


def is_dropped_name(name: str) -> bool:
    """True when a header of this name never travels, whatever it says."""
    if not is_token(name):
        return True
    low = name.lower().replace("_", "-")
    if low in _KEPT_NAMES:
        return False
    return (
        low in _DROPPED_NAMES
        or low.startswith(_DROPPED_PREFIXES)
        or low.endswith(_DROPPED_SUFFIXES)
        or any(part in low for part in _DROPPED_PARTS)
        or _ends_secret(name)
    )


def safe_target(target: str) -> str:
    """The request target with secret query values replaced; all the rest stays byte-identical."""
    path, mark, query = target.partition("?")
    if _SECRET_SHAPE.search(path) is not None:
        path = _SECRET_SHAPE.sub(REPLACED, path)
    if "%" in path:
        path = "/".join([_safe_segment(part) for part in path.split("/")])
    if "@" in path:
        path = _USER_INFO.sub(f"://{REPLACED}@", path)
    if ";" in path or "#" in path:  # `;jsessionid=...` hides in the path
        path = _safe_params(path)
    return f"{path}?{_safe_params(query)}" if mark else path


def is_secret_param(name: str) -> bool:
    """True when a query parameter of this name holds a credential."""
    name = _decoded(name)
    low = name.lower().strip()
    dashed = low.replace("_", "-")
    return (
        low in _SECRET_PARAMS
        or dashed.startswith(_SECRET_PARAM_PREFIXES)
        or dashed.endswith(_DROPPED_SUFFIXES)
        or any(part in low for part in _SECRET_PARAM_PARTS)
        or any(part in dashed for part in _DROPPED_PARTS)
        or _ends_secret(name)
    )


def is_secret_name(name: str) -> bool:
    """True when what is called so in a text, a form or JSON is a credential."""
    known = _plain_names
    if name in known:
        return False
    is_secret = name.lower() not in _HARMLESS_NAMES and is_secret_param(name)
    if not is_secret and len(name) <= _CACHED_PARAM:
        if len(known) >= _CACHE_SIZE:
            known.clear()
        known.add(name)
    return is_secret


def names_secret(text: str) -> bool:
    """True when a text, of whatever kind, says of some value that it is a credential."""
    return any(is_secret_name(found[1]) for found in _NAMED.finditer(text))


def has_secret_shape(text: str) -> bool:
    """True when the text looks like a credential, or holds one, whatever it is called."""
    if _SECRET_SHAPE.search(text) or _AUTH_SCHEME.match(text):
        return True
    # Looking for a few plain words is far faster than a pattern that finds nothing.
    if _may_hold_scheme(text) and _AUTH_INSIDE.search(text) is not None:
        return True
    return "@" in text and _USER_INFO.search(text) is not None


def _may_hold_scheme(text: str) -> bool:
    return (
        "earer" in text
        or "asic" in text
        or "oken" in text
        or "egotiate" in text
        or "piKey" in text
        or "pikey" in text
        or "EARER" in text
        or "ASIC" in text
    )


def _remember_name(name: str) -> bool:
    dropped = is_dropped_name(name)
    if len(_names) >= _CACHE_SIZE:
        _names.clear()
    if len(name) <= 64:
        _names[name] = dropped
    return dropped


def _safe_params(query: str) -> str:
    known = _params
    if ";" in query or "#" in query:
        return "".join([part if part in known else _safe_param(part) for part in _cut(query)])
    return "&".join([part if part in known else _safe_param(part) for part in query.split("&")])


def _safe_param(part: str) -> str:
    safe = _choose_param(part)
    # As with headers, only what was found harmless is remembered.
    if safe == part and len(part) <= _CACHED_PARAM:
        if len(_params) >= _CACHE_SIZE:
            _params.clear()
        _params.add(part)
    return safe


def _choose_param(part: str) -> str:
    name, equals, value = part.partition("=")
    if not value:
        return REPLACED if _is_secret_value(_decoded(part)) else part
    if is_secret_param(name) or _is_secret_value(_decoded(value)):
        return f"{name}{equals}{REPLACED}"
    return part


def _is_secret_value(value: str) -> bool:
    """A value may itself be a URL with a secret in it: `next=/cb?token=...`."""
    if has_secret_shape(value):
        return True
    if "=" in value and any(is_secret_param(found[1]) for found in _NESTED_PARAM.finditer(value)):
        return True
    return ":" in value and names_secret(value)


def _safe_segment(segment: str) -> str:
    """A part of a path, without what hides in its percent-encoding."""
    if "%" not in segment:
        return segment
    text = _decoded(segment)
    is_secret = _SECRET_SHAPE.search(text) is not None or _USER_INFO.search(text) is not None
    return REPLACED if is_secret else segment


def _ends_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] not in _LAST_WORDS:
        return False
    return "-".join(words) not in _KEPT_NAMES


def _decoded(text: str) -> str:
    """Percent-decoded until it stays the same, at most three times: no hiding behind `%2574`."""
    for _ in range(3):
        if "%" not in text and "+" not in text:
            return text
        text = unquote_plus(text)
    return text
