"""Every format that can be read, in the order in which they are asked.

A format that can be told by its first bytes comes before one that is told by what its lines look
like, and of two that could read the same lines the narrower one comes first.
Read next: `format.py`, and docs/add-a-reader.md for how another one is added.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from replay.readers.access_log import COMBINED, COMMON
from replay.readers.alb import ALB
from replay.readers.caddy import CADDY
from replay.readers.envoy import ENVOY
from replay.readers.envoy_json import ENVOY_JSON
from replay.readers.format import Format
from replay.readers.gor import GOR
from replay.readers.haproxy import HAPROXY
from replay.readers.har import HAR
from replay.readers.mitmproxy_flows import MITMPROXY
from replay.readers.nginx_json import NGINX_JSON
from replay.readers.ops import OPS
from replay.readers.vegeta_json import VEGETA_JSON
from replay.readers.vegeta_results import VEGETA_CSV, VEGETA_RESULTS
from replay.readers.vegeta_targets import VEGETA_TARGETS

FORMATS: Final[dict[str, Format]] = {
    each.name: each
    for each in (
        GOR,
        MITMPROXY,
        HAR,
        VEGETA_RESULTS,
        VEGETA_JSON,
        VEGETA_CSV,
        VEGETA_TARGETS,
        ALB,
        ENVOY,
        HAPROXY,
        COMBINED,
        COMMON,
        ENVOY_JSON,
        CADDY,
        NGINX_JSON,
        OPS,
    )
}
ALIASES: Final = {"access_log": "combined"}
"""Other names that `--format` takes."""


def find_format(name: str) -> Format:
    """The format of that name. Raises ValueError that names the nearest."""
    word = name.strip().lower().replace("-", "_")
    found = FORMATS.get(ALIASES.get(word, word))
    if found is None:
        near = get_close_matches(word, FORMATS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FORMATS)}"
        raise ValueError(f"{name[:80]!a} is not a trace format; {hint}")
    return found
