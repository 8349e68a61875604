from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.fields.target import map_target
from tests.replay.fields.seen import Shown, leave, replacing, shown

URL_CHARS = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
WORDS = st.text("abcdef", min_size=1, max_size=6)
# Texts in which nothing else lies: what looks like a URL, markup, a form or JSON is opened.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=7).filter(
    lambda text: not set(text) & set("%/<{[&?") and text.strip(".")
)


@pytest.mark.parametrize(
    ("target", "leaves"),
    [
        ("/", []),
        ("*", []),
        ("/citizens/123", [("url.path[0]", "", "citizens"), ("url.path[1]", "citizens", "123")]),
        ("/a//b/", [("url.path[0]", "", "a"), ("url.path[2]", "a", "b")]),
        ("/a?", [("url.path[0]", "", "a")]),
        ("/?q=a+b%20c", [("url.query.q", "q", "a b c")]),
        ("/a+b", [("url.path[0]", "", "a+b")]),
        ("/?x=%E9", [("url.query.x", "x", "é")]),
        ("/?x=%C3%A9", [("url.query.x", "x", "é")]),
        ("/?x=100%&y=%zz", [("url.query.x", "x", "100%"), ("url.query.y", "y", "%zz")]),
        ("/?x=%2531", [("url.query.x|percent", "x", "1")]),
        ("/?x=%25252531", [("url.query.x|percent|percent|percent", "x", "1")]),
        ("/?flag&x=", [("url.query.~key", "", "flag")]),
        ("/?a.b[c]=1", [('url.query["a.b[c]"]', "a.b[c]", "1")]),
        (
            "/?ann%40x.org=1",
            [("url.query.*~key", "", "ann@x.org"), ("url.query.*", "ann@x.org", "1")],
        ),
        (
            "/cart;jsessionid=1A;v2/x",
            [
                ("url.path[0]", "", "cart"),
                ("url.path[0];jsessionid", "jsessionid", "1A"),
                ("url.path[0];", "", "v2"),
                ("url.path[1]", "cart", "x"),
            ],
        ),
        (
            "https://u:p@h.example:8443/a?b=c#d=e",
            [
                ("url.userinfo", "userinfo", "u:p"),
                ("url.host", "host", "h.example:8443"),
                ("url.fragment.d", "d", "e"),
                ("url.path[0]", "", "a"),
                ("url.query.b", "b", "c"),
            ],
        ),
        (
            "/?u=https%3A%2F%2Fh%2Fp%3Fssn%3D1%26b%3D2",
            [
                ("url.query.u|url.host", "host", "h"),
                ("url.query.u|url.path[0]", "", "p"),
                ("url.query.u|url.query.ssn", "ssn", "1"),
                ("url.query.u|url.query.b", "b", "2"),
            ],
        ),
    ],
)
def test_what_is_shown_of_a_target(target: str, leaves: Shown) -> None:
    found = shown(lambda visit: map_target(target, visit))
    assert sorted(found) == sorted(leaves)
    assert map_target(target, leave) is target


@pytest.mark.parametrize(
    ("target", "old", "new", "mapped"),
    [
        ("/citizens/123/x?a=%7e&b=123", "123", "9", "/citizens/9/x?a=%7e&b=9"),
        ("/a/123/b", "123", None, "/a/-/b"),
        ("/a/123/b", "123", "", "/a/-/b"),
        ("/a/123/b", "123", "..", "/a/%2E%2E/b"),
        ("/a/123/b", "123", "x/y?z#;", "/a/x%2Fy%3Fz%23%3B/b"),
        ("/?a=1&ssn=123&b=2", "123", None, "/?a=1&b=2"),
        ("/?ssn=123", "123", None, "/?"),
        ("/?q=a+b&r=c", "a b", "d e&f", "/?q=d+e%26f&r=c"),
        ("/?q=a%20b", "a b", "d e+f", "/?q=d%20e%2Bf"),
        ("/?q=%E9", "é", "ü", "/?q=%FC"),
        ("/?q=%E9", "é", "€", "/?q=%E2%82%AC"),
        ("/?q=%25C3%25A9", "é", "ü", "/?q=%25C3%25BC"),
        ("/?123&x=1", "123", "a b", "/?a%20b&x=1"),
        ("/?ann@x.org=1", "ann@x.org", "z@y.org", "/?z@y.org=1"),
        ("/?ann@x.org=1", "ann@x.org", None, "/?"),
        ("https://u:p@h/a", "u:p", None, "https://h/a"),
        ("https://u:p@h/a", "u:p", "é@/", "https://%C3%A9%40%2F@h/a"),
        ("https://203.0.113.4:80/a", "203.0.113.4:80", "x y/z", "https://x-y-z/a"),
        ("/c;sid=1A/x", "1A", "é;/", "/c;sid=%C3%A9%3B%2F/x"),
        ("/a#tok", "tok", "x y", "/a#x%20y"),
    ],
)
def test_a_leaf_is_replaced_and_nothing_else(
    target: str, old: str, new: str | None, mapped: str
) -> None:
    assert map_target(target, replacing({old: new})) == mapped


@given(st.text(URL_CHARS, max_size=60), st.booleans())
def test_any_target_is_left_as_it_is(text: str, whole: bool) -> None:
    target = f"https://{text}" if whole else f"/{text}"
    assert map_target(target, leave) is target


@given(st.text(max_size=60))
def test_any_text_is_left_as_it_is(text: str) -> None:
    assert map_target(text, leave) is text


@given(st.text(URL_CHARS, max_size=60).map("/".__add__), st.none() | st.text(max_size=20))
def test_whatever_is_put_in_the_target_is_visible_ascii(target: str, new: str | None) -> None:
    mapped = map_target(target, lambda _: new)
    assert mapped.isascii()
    assert mapped.isprintable()
    assert " " not in mapped
    assert mapped.startswith("/")


@given(
    st.lists(TEXTS, min_size=1, max_size=4),
    st.lists(st.tuples(WORDS, TEXTS), max_size=4, unique_by=lambda pair: pair[0]),
    st.booleans(),
)
def test_replacing_every_leaf_changes_the_leaves_alone(
    segments: list[str], pairs: list[tuple[str, str]], plus: bool
) -> None:
    escape = quote_plus if plus else quote
    query = "&".join(f"{key}={escape(text, safe='')}" for key, text in pairs)
    target = "/" + "/".join(quote(each, safe="") for each in segments) + f"?{query}"
    texts = [*segments, *(text for _, text in pairs)]
    assert [each[2] for each in shown(lambda visit: map_target(target, visit))] == texts
    mapped = map_target(target, lambda leaf: leaf.text + "é/")
    again = [each[2] for each in shown(lambda visit: map_target(mapped, visit))]
    assert again == [text + "é/" for text in texts]
