"""What a visitor was shown, for tests."""

from __future__ import annotations

from collections.abc import Callable

from replay.fields.leaf import Leaf, Visit

Shown = list[tuple[str, str, str]]


def leave(leaf: Leaf) -> str:
    return leaf.text


def shown(mapping: Callable[[Visit], object]) -> Shown:
    """Path, name and text of each leaf that a mapping shows."""
    seen: Shown = []

    def visit(leaf: Leaf) -> str:
        seen.append((leaf.path, leaf.name, leaf.text))
        return leaf.text

    mapping(visit)
    return seen


def replacing(texts: dict[str, str | None]) -> Visit:
    """Replaces leaves by their text."""
    return lambda leaf: texts.get(leaf.text, leaf.text)
