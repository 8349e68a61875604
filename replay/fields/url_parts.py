"""A request target or URL in its parts: user info, host, path, parameters, query, fragment.

Read next: `target.py`, the way in; `form.py`, which does the query.
"""

from __future__ import annotations

import re
from typing import Final

from replay.fields.form import map_pairs
from replay.fields.percent import SEGMENT_SAFE, decode, encode
from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step

_NOT_HOST: Final = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_EMPTY: Final = "-"
"""Stands for a part of a path that was taken out, so that the parts after it keep their places."""


def map_url(target: str, show: Show, here: str) -> str:
    """A path, or an absolute URL; anything else is one text. The very one if nothing changed."""
    if target[:1] == "/":
        mapped = _map_rest(target, show, here)
        return target if mapped == target else mapped
    scheme, mark, rest = target.partition("://")
    if not mark or not scheme.isalnum():
        return _map_plain(target, show, here)
    cut = _first_of(rest, "/?#")
    authority = _map_authority(rest[:cut], show, here)
    mapped = _map_rest(rest[cut:], show, here)
    if authority == rest[:cut] and mapped == rest[cut:]:
        return target
    return f"{scheme}://{authority}{mapped}"


def _map_plain(target: str, show: Show, here: str) -> str:
    if not target or target == "*":
        return target
    text = decode(target)
    new = show(here, "", text)
    if new == text:
        return target
    return encode(new, target, f"{SEGMENT_SAFE}/;?") if new else _EMPTY


def _first_of(text: str, marks: str) -> int:
    return min([at for at in map(text.find, marks) if at >= 0], default=len(text))


def _map_authority(authority: str, show: Show, here: str) -> str:
    user_info, mark, host = authority.rpartition("@")
    if mark:
        text = decode(user_info)
        new = show(f"{here}.userinfo", "userinfo", text)
        if new is None:
            user_info = mark = ""
        elif new != text:
            user_info = encode(new, user_info, "-._~!$&'()*+,=:")
    if host:
        new = show(f"{here}.host", "host", host)
        if new != host:
            host = _NOT_HOST.sub("-", new or _EMPTY)
    return f"{user_info}{mark}{host}"


def _map_rest(rest: str, show: Show, here: str) -> str:
    """From the first slash on."""
    if "#" in rest:
        rest, _, fragment = rest.partition("#")
        mapped = map_pairs(fragment, show, f"{here}.fragment")
        tail = f"#{mapped}"
    else:
        tail = ""
    path, mark, query = rest.partition("?")
    new_path = map_path(path, show, f"{here}.path")
    if not query:
        return f"{new_path}{mark}{tail}" if mark or tail else new_path
    return f"{new_path}?{map_pairs(query, show, f'{here}.query')}{tail}"


def map_path(path: str, show: Show, here: str) -> str:
    """The segments of a path; each is called by the one before it."""
    if len(path) < 2:
        return path
    if path.count("/") + path.count(";") > MAX_LEAVES:
        return "/" + _map_segment(path[1:].replace("/", "%2F"), "", show, here)
    segments = path.split("/")
    first = 1 if not segments[0] else 0
    name = ""
    is_changed = False
    for at in range(first, len(segments)):
        segment = segments[at]
        if not segment:
            continue
        if ";" in segment:
            new = _map_matrix(segment, name, show, f"{here}[{at - first}]")
        else:
            new = _map_segment(segment, name, show, f"{here}[{at - first}]")
        name = segment.partition(";")[0]
        if "%" in name:
            name = decode(name)
        if new != segment:
            segments[at] = new
            is_changed = True
    return "/".join(segments) if is_changed else path


def _map_segment(segment: str, name: str, show: Show, path: str) -> str:
    text = decode(segment)
    new = show(path, name, text)
    if new == text:
        return segment
    # A dot alone would climb the path, and nothing at all would move what comes after it.
    if not new:
        return _EMPTY
    coded = encode(new, segment, SEGMENT_SAFE)
    return coded.replace(".", "%2E") if coded in (".", "..") else coded


def _map_matrix(segment: str, name: str, show: Show, here: str) -> str:
    """A segment with parameters behind it: `cart;jsessionid=1A2B`."""
    head, *params = segment.split(";")
    mapped = [_map_segment(head, name, show, here) if head else head]
    for param in params:
        key, mark, raw = param.partition("=")
        if mark and raw and not looks_like_data(key):
            mapped.append(f"{key}={_map_segment(raw, key, show, f'{here};{step(key)[1:]}')}")
        else:
            mapped.append(_map_segment(param, "", show, f"{here};") if param else param)
    return ";".join(mapped)
