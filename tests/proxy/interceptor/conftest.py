"""One certificate authority for all tests."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    # mitmproxy calls its parser by old names while it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import proxy.interceptor.master  # noqa: F401  # the whole of it, before any test does
    from proxy.interceptor.ca import prepare_ca

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What mitmproxy does with OpenSSL is deprecated; raised inside it, that would be an error."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))


@pytest.fixture(scope="session")
def ca_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interceptor-ca")
    prepare_ca(folder)
    return folder
