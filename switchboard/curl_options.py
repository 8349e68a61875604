"""The options of curl, sorted by what they mean for where a request goes.

Floor 0, tables only. An option that is in none of them is refused by name (see `curl.py`).
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VALUED: Final = _words("""
    cacert capath cert-type ciphers connect-timeout continue-at cookie-jar create-file-mode crlfile
    curves dump-header etag-compare etag-save expect100-timeout happy-eyeballs-timeout-ms
    keepalive-cnt keepalive-time key-type limit-rate local-port max-filesize max-redirs max-time
    output output-dir parallel-max pinnedpubkey proto proto-redir proxy-header range rate retry
    retry-delay retry-max-time speed-limit speed-time stderr time-cond tls-max tls13-ciphers trace
    trace-ascii trace-config write-out
""")
"""They take a value, and change nothing about who is asked for what."""

PLAIN: Final = _words("""
    alpn anyauth append basic buffer cert-status clobber compressed create-dirs crlf digest disable
    fail fail-early fail-with-body get globoff head http0.9 http1.0 http1.1 http2
    http2-prior-knowledge http3 http3-only include insecure ipv4 ipv6 junk-session-cookies keepalive
    location location-trusted negotiate netrc netrc-optional ntlm parallel parallel-immediate
    path-as-is post301 post302 post303 progress-bar progress-meter proxytunnel raw
    remote-header-name remote-name remote-name-all remote-time remove-on-error retry-all-errors
    retry-connrefused sessionid show-error show-headers silent ssl-no-revoke styled-output
    tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding trace-ids trace-time
    verbose xattr
""")
"""They take no value; with `no-` in front they are taken back."""

DIALS: Final = _words("""
    abstract-unix-socket connect-to dns-interface dns-servers doh-url interface preproxy proxy
    proxy1.0 resolve socks4 socks4a socks5 socks5-hostname unix-socket
""")
"""They take a value, and make curl dial something other than what the URL names."""

DATA: Final = _words("data data-ascii data-binary data-raw data-urlencode json")
FORMS: Final = _words("form form-string")
BODIES: Final = FORMS | {"upload-file"}
READ: Final = _words("""
    aws-sigv4 cert config cookie header key oauth2-bearer pass proxy-user referer request
    request-target upload-file url url-query user user-agent
""")
"""They take a value that is read one by one."""

TAKES_VALUE: Final = VALUED | DIALS | DATA | FORMS | READ

SHORT: Final = {
    "#": "progress-bar", "0": "http1.0", "1": "tlsv1", "4": "ipv4", "6": "ipv6", "A": "user-agent",
    "C": "continue-at", "D": "dump-header", "E": "cert", "F": "form", "G": "get", "H": "header",
    "I": "head", "J": "remote-header-name", "K": "config", "L": "location", "N": "no-buffer",
    "O": "remote-name", "R": "remote-time", "S": "show-error", "T": "upload-file",
    "U": "proxy-user", "X": "request", "Y": "speed-limit", "Z": "parallel", "a": "append",
    "b": "cookie", "c": "cookie-jar", "d": "data", "e": "referer", "f": "fail", "g": "globoff",
    "i": "include", "j": "junk-session-cookies", "k": "insecure", "m": "max-time", "n": "netrc",
    "o": "output", "p": "proxytunnel", "q": "disable", "r": "range", "s": "silent", "u": "user",
    "v": "verbose", "w": "write-out", "x": "proxy", "y": "speed-time", "z": "time-cond",
}  # fmt: skip

NOTES: Final = {
    "cert": "-E: curl would show a client certificate; the switchboard does not pass one on",
    "config": "-K: the options in that file are not read here",
    "http3": "--http3: curl would try UDP first, of which no door sees anything",
    "http3-only": "--http3-only: curl would use UDP, of which no door sees anything",
    "insecure": "-k: curl would take any certificate for the right one",
    "location": "-L: curl would follow redirects; each of them is decided anew",
    "location-trusted": "--location-trusted: curl would send credentials to wherever a redirect "
    "leads; each redirect is decided anew",
    "netrc": "-n: curl would add a password from .netrc, which is not read here",
    "netrc-optional": "--netrc-optional: curl would add a password from .netrc, which is not read "
    "here",
}
"""What a person should know of an option that is otherwise none of our business."""

SECRETS: Final = {
    "aws-sigv4": "Authorization",
    "oauth2-bearer": "Authorization",
    "proxy-user": "Proxy-Authorization",
    "user": "Authorization",
}
"""Options that become a header which holds a credential."""
