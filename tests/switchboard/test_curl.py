"""A curl command as the request it would send; what is not understood is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.curl import HIDDEN, CurlRequest, parse_curl, parse_curl_words

URL = "https://api.hms.example/v1/x?y=1"
DEFAULTS = (("User-Agent", "curl"), ("Accept", "*/*"))


def headers_of(command: str) -> dict[str, str]:
    return dict(parse_curl(command).headers)


def test_the_shortest() -> None:
    assert parse_curl(f"curl {URL}") == CurlRequest("GET", URL, DEFAULTS, False)


CHROME = """curl 'https://portal.hms.gov/api/cases?page=2' \\
  -X 'PUT' \\
  -H 'accept: application/json, text/plain, */*' \\
  -H 'authorization: Bearer eyJhbGciOi.hunter2.sig' \\
  -b 'session=hunter2; theme=dark' \\
  -H 'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"' \\
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \\
  --data-raw $'{"name":"O\\'Hara\\u0021"}' \\
  --compressed \\
  --insecure ;
"""


def test_what_chrome_copies() -> None:
    request = parse_curl(CHROME)
    assert (request.method, request.url) == ("PUT", "https://portal.hms.gov/api/cases?page=2")
    assert request.has_body
    headers = dict(request.headers)
    assert headers["accept"] == "application/json, text/plain, */*"
    assert headers["Cookie"] == f"session={HIDDEN}; theme={HIDDEN}"
    assert headers["sec-ch-ua"] == '"Chromium";v="130", "Not?A_Brand";v="99"'
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "User-Agent" not in headers  # the one that was given takes its place
    assert request.notes == ("-k: curl would take any certificate for the right one",)
    assert "hunter2" not in repr(request)


def test_what_chrome_copies_for_windows() -> None:
    request = parse_curl(
        'curl ^"https://portal.hms.gov/api?a=1^&b=%^20x^" ^\r\n'
        '  -H ^"accept: */*^" ^\r\n  --data-raw ^"^{^\\^"a^\\^":1^}^"'
    )
    assert request.url == "https://portal.hms.gov/api?a=1&b=%20x"
    assert request.method == "POST"


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("", "GET"),
        ("-I", "HEAD"),
        ("--head", "HEAD"),
        ("-d a=1", "POST"),
        ("-da=1", "POST"),
        ("--json '{}'", "POST"),
        ("-F a=@file", "POST"),
        ("-T file", "PUT"),
        ("-G -d a=1", "GET"),
        ("-X DELETE", "DELETE"),
        ("-XDELETE", "DELETE"),
        ("-sSLX PATCH", "PATCH"),
        ("-d a --request PATCH", "PATCH"),
        ("-X GET -d a", "GET"),
        ("-X purge", "purge"),
    ],
)
def test_methods(options: str, method: str) -> None:
    assert parse_curl(f"curl {options} {URL}").method == method


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("curl api.hms.example", "http://api.hms.example"),
        ("curl api.hms.example:8443/x", "http://api.hms.example:8443/x"),
        ("curl --url http://h/x", "http://h/x"),
        ("curl -- http://h/-x", "http://h/-x"),
        ("curl -G http://h/x -d a=1 -d b=2", "http://h/x?a=1&b=2"),
        ("curl -G 'http://h/x?y#z' -d a=1", "http://h/x?y&a=1#z"),
        ("curl --get http://h --data-urlencode 'q=a b&c'", "http://h?q=a+b%26c"),
        ("curl --get http://h --data-urlencode '=a b'", "http://h?a+b"),
        ("curl --get http://h --data-urlencode 'name@file'", f"http://h?name={HIDDEN}"),
        ("curl http://h --url-query a=1 --url-query +b=%20", "http://h?a=1&b=%20"),
        ("curl 'http://[::1]:80/'", "http://[::1]:80/"),
        ("curl -g 'http://h/{a,b}'", "http://h/{a,b}"),
        ("curl ftp://h/x", "ftp://h/x"),
        ("curl http://prod@sandbox/", "http://prod@sandbox/"),
    ],
)
def test_urls(command: str, url: str) -> None:
    assert parse_curl(command).url == url


def test_headers_as_curl_reads_them() -> None:
    headers = headers_of(
        "curl http://h -H 'A: b' -H'C:d' -H 'Accept:' -H 'Empty;' --header 'E: f: g' -A me -e http://r"
    )
    assert headers == {
        "A": "b",
        "C": "d",
        "Empty": "",
        "E": "f: g",
        "User-Agent": "me",
        "Referer": "http://r",
    }


@pytest.mark.parametrize(
    ("option", "header"),
    [
        ("-u me:hunter2", "Authorization"),
        ("-ume:hunter2", "Authorization"),
        ("--user me:hunter2", "Authorization"),
        ("--oauth2-bearer hunter2", "Authorization"),
        ("--aws-sigv4 aws:amz:x -u me:hunter2", "Authorization"),
        ("-U me:hunter2", "Proxy-Authorization"),
    ],
)
def test_a_password_is_only_known_to_be_there(option: str, header: str) -> None:
    request = parse_curl(f"curl {option} http://h")
    assert dict(request.headers)[header] == HIDDEN
    assert "hunter2" not in f"{request!r}{request.headers}"


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--resolve api.hms.gov:443:203.0.113.9", "--resolve api.hms.gov:443:203.0.113.9"),
        ("--connect-to ::203.0.113.9:443", "--connect-to ::203.0.113.9:443"),
        ("-x http://me:hunter2@proxy:3128", "-x http://proxy:3128"),
        ("--proxy me:hunter2@proxy", "--proxy proxy"),
        ("--socks5-hostname h:1080", "--socks5-hostname h:1080"),
        ("--unix-socket /run/x", "--unix-socket /run/x"),
        ("--interface eth1", "--interface eth1"),
        ("--doh-url https://dns.example/q", "--doh-url https://dns.example/q"),
    ],
)
def test_what_makes_curl_dial_elsewhere_is_reported(option: str, shown: str) -> None:
    assert parse_curl(f"curl {option} http://h").elsewhere == (shown,)


def test_another_request_target_is_reported() -> None:
    assert parse_curl("curl --request-target /x http://h/y").target == "/x"


@pytest.mark.parametrize(
    ("option", "note"),
    [
        ("-k", "-k:"),
        ("-L", "-L:"),
        ("--location-trusted", "--location-trusted:"),
        ("-n", "-n:"),
        ("-E cert.pem", "-E:"),
        ("-K file", "-K:"),
        ("-b file", "-b:"),
        ("-H @file", "-H @:"),
    ],
)
def test_what_a_person_should_know_is_noted(option: str, note: str) -> None:
    (found,) = parse_curl(f"curl {option} http://h").notes
    assert found.startswith(note)


def test_options_that_change_nothing_pass() -> None:
    command = (
        "$ curl -sSfvi -o /dev/null -m5 --retry 3 --http2 --no-keepalive --compressed "
        "-w '%{http_code}' --cacert ca.pem --tlsv1.2 -# -4 -N http://h"
    )
    assert parse_curl(command).url == "http://h"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("wget http://h", "not a curl command"),
        ("", "not a curl command"),
        ("curl", "no URL"),
        ("curl -s", "no URL"),
        ("curl http://a http://b", "2 URLs"),
        ("curl http://a --next http://b", "--next"),
        ("curl --surely-not http://h", "--surely-not of curl is not understood"),
        ("curl --url=http://h", "--url=http://h of curl is not understood"),
        ("curl -sS\N{SNOWMAN} http://h", "-\\u2603 of curl is not understood"),
        ("curl http://h -H", "-H of curl has no value"),
        ("curl http://h --data", "--data of curl has no value"),
        ("curl http://h -H hunter2", "has no colon"),
        ("curl http://h -H 'a b: c'", "a b is not a header name"),
        ("curl http://h -X 'a b'", "a b is not a method"),
        ("curl 'http://h/{a,b}'", "several URLs"),
        ("curl 'http://h/[1-3]'", "several URLs"),
        ("curl $URL", "$URL is filled in"),
    ],
)
def test_what_cannot_be_explained_is_refused(command: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        parse_curl(command)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(
    st.lists(
        st.sampled_from(["-H", "-d", "-sX", "a: b", "http://h", "--", "-", "", "-G"]) | st.text()
    )
)
def test_any_words_are_a_request_or_a_value_error(words: list[str]) -> None:
    try:
        request = parse_curl_words(["/usr/bin/curl", *words])
    except ValueError:
        return
    assert request.url
