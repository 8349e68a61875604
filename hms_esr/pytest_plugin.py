"""pytest's plugin: the fixture `esr_stubs`, a running stub gateway for tests of whoever calls one.

    def test_pay(esr_stubs):
        client = PaymentClient(esr_stubs.url("ach"))

It is imported in every pytest run of an environment that has the product, so nothing else is
imported here before a test asks for the fixture. docs/pytest.md describes it.
Read next: `pytest_stubs.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hms_esr.pytest_stubs import EsrStubs, GatewayPool
    from hms_esr.pytest_wishes import Wish

MARK = "esr_stubs"
_LAST = pytest.StashKey["EsrStubs"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("esr", "stub gateway (esr_stubs)")
    group.addoption(
        "--esr-seed", type=int, metavar="N", help="decides every draw of the stubs (ini: esr_seed)"
    )
    group.addoption(
        "--esr-definitions",
        action="append",
        metavar="FOLDER",
        help="definitions of stubs, besides the bundled ones (ini: esr_definitions)",
    )
    parser.addini("esr_seed", "decides every draw of the stubs", default="0")
    parser.addini("esr_definitions", "folders with definitions of stubs", type="paths")
    parser.addini("esr_latency", "`none`, or `defined` for waits as real services have", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARK}(definitions=..., seed=..., latency=..., settings=..., services=..., start=...): "
        "what the stub gateway of this test is started with",
    )


@pytest.fixture(scope="session")
def _esr_pool() -> Iterator[GatewayPool]:
    from hms_esr.pytest_stubs import GatewayPool

    with GatewayPool() as pool:
        yield pool


@pytest.fixture
def esr_stubs(request: pytest.FixtureRequest, _esr_pool: GatewayPool) -> EsrStubs:
    """A stub gateway on this machine, as if it had just started: `esr_stubs.url("ach")`."""
    from hms_esr.pytest_wishes import WishError, read_wish
    from switchboard.errors import EsrError

    mark = request.node.get_closest_marker(MARK)
    stubs, failure = None, ""
    try:
        if mark is not None and mark.args:
            raise WishError(f"@pytest.mark.{MARK} takes names, such as seed=7")
        marked = {} if mark is None else dict(mark.kwargs)
        stubs = _esr_pool.stubs(read_wish(marked, request.path.parent, _usual(request.config)))
    except EsrError as error:
        failure = str(error)
    if stubs is None:
        pytest.fail(f"esr_stubs: {failure}", pytrace=False)
    request.node.stash[_LAST] = stubs
    return stubs


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failed test says what the stubs were asked and which faults there were."""
    report = yield
    stubs = item.stash.get(_LAST, None)
    if stubs is not None and report.when == "call" and report.failed:
        report.sections.append(("esr_stubs", stubs.told()))
    return report


def _usual(config: pytest.Config) -> Wish:
    """What the command line and the ini file say."""
    from hms_esr.pytest_wishes import Wish, WishError

    seed = config.getoption("esr_seed")
    if seed is None:
        text = config.getini("esr_seed")
        try:
            seed = int(text)
        except ValueError:
            raise WishError(f"the ini option esr_seed must be a number, not {text!r}") from None
    given = config.getoption("esr_definitions")
    folders = given or config.getini("esr_definitions")
    base = Path.cwd() if given else config.rootpath
    definitions = tuple(str(base / folder) for folder in folders)
    return Wish(seed, definitions, config.getini("esr_latency") or "none")
