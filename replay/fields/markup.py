"""XML and HTML: the texts between tags and the values of attributes.

It is cut at every `<` and at the `>` after it, no more: a parser would refuse much of what the web
sends. Whatever cannot be told to be a tag is shown as a text, so nothing hides in broken markup.
Read next: `body.py`.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from replay.fields.labels import is_naming, is_valued, read_label
from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step

# The look behind keeps the search from trying again at every letter of a long word.
_ATTRIBUTE: Final = re.compile(r"(?<![\w:.@-])([\w:.@-]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'>=]+)")
_NAME: Final = re.compile(r"/?([A-Za-z_][\w:.-]{0,63})")
_PLAIN_TAG: Final = re.compile(r"/?[A-Za-z_][\w:.-]{0,63}(?:\s[A-Za-z\s-]{0,64})?/?")
_TELLING: Final = ("name", "id", "property")
_TOLD: Final = frozenset({"value", "content"})
_LABELS: Final = frozenset({"th", "dt", "label", "td", "legend"})
_LABELLED: Final = frozenset({"td", "dd", "output", "span", "div", "p", "strong", "b"})
"""Elements of a page in which a label stands, and in which what it is the label of."""
_CDATA: Final = "![CDATA["
_CDATA_END: Final = "]]>"


def map_markup(text: str, show: Show, here: str) -> str | None:
    """The markup with its texts replaced; None when it falls into too many."""
    if text.count("<") + text.count("=") > MAX_LEAVES:
        return None
    pieces = text.split("<")
    name = label = ""
    pieces[0] = _map_text(pieces[0], name, show, here) if pieces[0] else ""
    for at in range(1, len(pieces)):
        piece = pieces[at]
        if piece.startswith(_CDATA):
            shown = (label if _is_labelled(name) else "") or name
            pieces[at] = _map_cdata(piece, shown, show, here + step(name or "cdata"))
            continue
        tag, mark, after = piece.partition(">")
        if not mark:
            new = _map_text(piece, name, show, here)
        else:
            new_tag = _map_tag(tag, show, here)
            name = _name_of(tag)
            is_labelled = bool(label) and _is_labelled(name)
            shown = label if is_labelled else name
            new = f"{new_tag}>{_map_text(after, shown, show, here + step(name))}"
            if name and (is_labelled or after.strip()):
                label = read_label(after.strip().rstrip(":")) if _is_label(name) else ""
        pieces[at] = new
    return "<".join(pieces)


def _is_label(name: str) -> bool:
    return name.lower() in _LABELS or is_naming(name)


def _is_labelled(name: str) -> bool:
    return name.lower() in _LABELLED or is_valued(name)


def _map_cdata(piece: str, name: str, show: Show, path: str) -> str:
    """Text as it is, up to `]]>`; where it holds markup of its own, up to that."""
    text, mark, after = piece[len(_CDATA) :].partition(_CDATA_END)
    bare = text.strip()
    if not bare:
        return piece
    new = show(path, name, bare)
    if new == bare:
        return piece
    made = (new or "").replace(_CDATA_END, "")
    return f"{_CDATA}{text.replace(bare, made, 1)}{mark}{after}"


def show_tags(text: str, elements: tuple[str, ...], show: Show, here: str) -> None:
    """Only shows the attributes of some elements (in lower case), and looks at nothing else."""
    for piece in text.split("<"):
        name = piece[:16].lower()
        if name.startswith(elements):
            tag, mark, _ = piece.partition(">")
            if mark and _name_of(tag).lower() in elements:
                _map_tag(tag, show, here)


def _name_of(tag: str) -> str:
    """The element that a text after the tag is in, as far as the tag itself tells."""
    found = None if tag[:1] == "/" else _NAME.match(tag)
    return "" if found is None else found[1].rpartition(":")[2]


def _map_text(raw: str, name: str, show: Show, path: str) -> str:
    bare = raw.strip()
    if not bare:
        return raw
    text = unescape(bare) if "&" in bare else bare
    new = show(path, name, text)
    return raw if new == text else raw.replace(bare, escape(new or "", quote=False), 1)


def _map_tag(tag: str, show: Show, here: str) -> str:
    if _PLAIN_TAG.fullmatch(tag) is not None and not looks_like_data(tag):
        return tag
    found = _NAME.match(tag)
    if found is None or not _is_sound(found[1], tag[found.end() :]):
        return _map_text(tag, "", show, f"{here}.tag")  # a comment, a doctype, or no tag at all
    element = found[1].rpartition(":")[2]
    head, body = tag[: found.end()], tag[found.end() :]
    told = _told_by(body)

    def replace(attribute: re.Match[str]) -> str:
        key, mark, raw = attribute[1], attribute[2], attribute[3]
        quote = raw[0] if raw[0] in "\"'" else ""
        text = unescape(raw[1:-1] if quote else raw)
        if not text:
            return attribute[0]
        is_told = told and key.lower() in _TOLD
        path = f"{here}{step(element)}{step(told) if is_told else ''}{step(key)}"
        new = show(path, told if is_told else key, text)
        if new == text:
            return attribute[0]
        quote = quote or '"'
        written = escape(new or "").replace("&#x27;", "&#39;")
        return f"{key}{mark}{quote}{written}{quote}"

    return head + _ATTRIBUTE.sub(replace, body)


def _is_sound(element: str, body: str) -> bool:
    """Nothing is there but attributes, and no name of them is data."""
    if looks_like_data(element) or _ATTRIBUTE.sub("", body).strip(" \t\r\n/"):
        return False
    return not any(looks_like_data(each[1]) for each in _ATTRIBUTE.finditer(body))


def _told_by(body: str) -> str:
    """What an `<input name=...>` or `<meta name=...>` calls its value."""
    named = {each[1].lower(): each[3].strip("\"'") for each in _ATTRIBUTE.finditer(body)}
    return next((unescape(named[key]) for key in _TELLING if named.get(key)), "")
