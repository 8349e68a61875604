"""The output of wrk, hey and autocannon, as they print it, read for counts."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bench.children import BenchError
from bench.peers import Answered, har_of, parse_autocannon, parse_hey, parse_wrk

WRK = """\
Running 3s test @ http://127.0.0.1:18080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   486.13us  324.31us   8.95ms   94.12%
    Req/Sec   131.95k     5.11k  138.21k    80.00%
  392995 requests in 3.00s, 74.96MB read
"""
WRK_WITH_ERRORS = f"""{WRK}\
  Socket errors: connect 1, read 2, write 0, timeout 4
  Non-2xx or 3xx responses: 95
Requests/sec: 130998.33
"""
HEY = """
Summary:
  Total:\t1.8946 secs

Response time histogram:
  0.000 [1]\t|
  0.002 [71251]\t|■■■■■■■■

Status code distribution:
  [200]\t99968 responses
"""
HEY_WITH_ERRORS = f"""{HEY}\
  [503]\t12 responses

Error distribution:
  [32]\tGet "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused
  [3]\tPost "http://127.0.0.1:1/a[9]": EOF
"""
AUTOCANNON = {"2xx": 100_000, "3xx": 5, "non2xx": 12, "errors": 2, "timeouts": 1}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(WRK, Answered(392_995, 0), id="clean"),
        pytest.param(WRK_WITH_ERRORS, Answered(392_900, 102), id="with errors"),
    ],
)
def test_parse_wrk(output: str, expected: Answered) -> None:
    assert parse_wrk(output) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(HEY, Answered(99_968, 0), id="clean"),
        pytest.param(HEY_WITH_ERRORS, Answered(99_968, 47), id="with errors"),
    ],
)
def test_parse_hey(output: str, expected: Answered) -> None:
    assert parse_hey(output) == expected


def test_parse_autocannon_reads_the_last_line() -> None:
    output = f"a warning of node\n{json.dumps(AUTOCANNON)}\n"
    assert parse_autocannon(output) == Answered(100_005, 9)


@pytest.mark.parametrize(
    ("parse", "output"),
    [
        pytest.param(parse_wrk, "unable to connect to 127.0.0.1:1 Connection refused", id="wrk"),
        pytest.param(parse_hey, "Error distribution:\n  [64]\tconnection refused", id="hey"),
        pytest.param(parse_autocannon, "{}", id="autocannon without counts"),
        pytest.param(parse_autocannon, "", id="autocannon silent"),
        pytest.param(parse_autocannon, "[1, 2]", id="autocannon with other json"),
    ],
)
def test_output_without_a_count_is_an_error(parse: Callable[[str], Answered], output: str) -> None:
    with pytest.raises(BenchError, match="printed no"):
        parse(output)


def test_the_mix_for_autocannon_has_a_post_of_300_bytes_and_a_get() -> None:
    log = json.loads(json.dumps(har_of("http://127.0.0.1:8080")))["log"]
    post, get = (entry["request"] for entry in log["entries"])
    assert (post["method"], len(post["postData"]["text"])) == ("POST", 300)
    assert (get["method"], get["url"]) == ("GET", "http://127.0.0.1:8080/profiles/123")
