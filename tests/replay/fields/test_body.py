from __future__ import annotations

import gzip
import json
import zlib
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.fields import packed
from replay.fields.body import map_body
from replay.fields.charset import read_text, write_text
from tests.replay.fields.seen import Shown, leave, replacing, shown

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=xx"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff 123-45-6789"
HTML = "text/html"

MULTIPART = (
    b'--xx\r\nContent-Disposition: form-data; name="ssn"\r\n\r\n123-45-6789\r\n'
    b'--xx\r\nContent-Disposition: form-data; name="doc"; filename="Ann.json"\r\n'
    b'Content-Type: application/json\r\nX-Note: hi\r\n\r\n{"a": 77}\r\n'
    b'--xx\r\nContent-Disposition: form-data; name="pic"\r\nContent-Type: image/png\r\n\r\n'
    + PNG
    + b"\r\n--xx--\r\n"
)
NAMED = MULTIPART.replace(b"77", b"1").replace(b"Ann.json", b"77")
QUOTED = b"&lt;&quot;&#39;&amp;"


@pytest.mark.parametrize(
    ("body", "kind", "leaves"),
    [
        (b"", "", []),
        (b'{"a": 1}', "", [("body.$.a", "a", "1")]),
        (b'{"a": 1}', "text/plain", [("body.$.a", "a", "1")]),
        (b'{"a": 1', "application/json", [("body.text", "", '{"a": 1')]),
        (b'{"a":1}\n{"a":2}\noops\n', "application/x-ndjson", [
            ("body[0].$.a", "a", "1"), ("body[1].$.a", "a", "2"), ("body[2].text", "", "oops"),
        ]),
        (b"ssn=1+2&b=%33", FORM, [("body.form.ssn", "ssn", "1 2"), ("body.form.b", "b", "3")]),
        (b"ssn=1&b=2", "", [("body.form.ssn", "ssn", "1"), ("body.form.b", "b", "2")]),
        (b"hello", "", [("body.text", "", "hello")]),
        (b"caf\xe9", "text/plain; charset=latin-1", [("body.text", "", "café")]),
        (b"caf\xe9", "text/plain", [("body.text", "", "café")]),
        ("é".encode("utf-16"), "text/plain", [("body.text", "", "\ufeffé")]),
        ("é".encode("utf-16-be"), "text/plain; charset=utf-16be", [("body.text", "", "é")]),
        (b"x", "text/plain; charset=zlib_codec", [("body.text", "", "x")]),
        (PNG, "image/png", []),
        (PNG, "", []),
        (b"123-45-6789", "application/octet-stream", [("body.text", "", "123-45-6789")]),
        (b"<a><ssn>1</ssn><b c='2&amp;3'/>t</a>", "application/xml", [
            ("body.xml.ssn", "ssn", "1"), ("body.xml.b.c", "c", "2&3"), ("body.xml.b", "b", "t"),
        ]),
        (b"<!-- 123 --><![CDATA[45]]>", "text/xml", [
            ("body.xml.tag", "", "!-- 123 --"), ("body.xml.cdata", "", "45"),
        ]),
        (b"<p>1 < 2", HTML, [("body.html.p", "p", "1"), ("body.html", "p", "2")]),
        (b"<a b='x>12<1234567 c><p 1234567><d1234567>", HTML, [
            ("body.html.tag", "", "a b='x"), ("body.html.a", "a", "12"),
            ("body.html.tag", "", "1234567 c"), ("body.html.tag", "", "p 1234567"),
            ("body.html.tag", "", "d1234567"),
        ]),
        (MULTIPART, PARTS, [
            ("body.part.ssn.text", "ssn", "123-45-6789"),
            ("body.part.doc.filename", "filename", "Ann.json"),
            ("body.part.doc.header.x-note", "X-Note", "hi"), ("body.part.doc.$.a", "a", "77"),
        ]),
        (b"no parts", PARTS, [("body.text", "", "no parts")]),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_body(body: bytes, kind: str, leaves: Shown) -> None:
    assert shown(lambda visit: map_body(body, kind, visit)) == leaves
    assert map_body(body, kind, leave) is body


@pytest.mark.parametrize(
    ("body", "kind", "new", "after"),
    [
        (b'{"a": "77"}', "", "8", b'{"a": "8"}'),
        (b'{"a":1}\r\n{"a":"77"}', "application/jsonl", "8", b'{"a":1}\r\n{"a":"8"}'),
        (b"a=1&b=77", FORM, "8&9", b"a=1&b=8%269"),
        (b"77", "text/plain", None, b""),
        (b"<a b=77 c='77'>", HTML, "<\"'&", b"<a b=\"%b\" c='%b'>" % (QUOTED, QUOTED)),
        (b"<a>77</a>", HTML, "<\"'&", b"<a>&lt;\"'&amp;</a>"),
        (b"<a>\n 77 \n</a>", "text/xml", "8", b"<a>\n 8 \n</a>"),
        (MULTIPART, PARTS, "8", MULTIPART.replace(b"77", b"8")),
        (MULTIPART, PARTS, "x--xx\r\n", MULTIPART.replace(b"77", b'"x\\r\\n"')),
        (NAMED, PARTS, '"\r\nX: y', NAMED.replace(b"77", b"___X: y")),
        ("é 77".encode("latin-1"), "text/plain", "€", "é 77".encode("latin-1")),
    ],
)  # fmt: skip
def test_a_leaf_is_replaced_and_all_the_rest_stays(
    body: bytes, kind: str, new: str | None, after: bytes
) -> None:
    assert map_body(body, kind, replacing({"77": new})) == after


def test_a_charset_is_written_as_it_was_read() -> None:
    body = '{"a": "é"}'.encode("latin-1")
    kind = "application/json; charset=iso-8859-1"
    assert map_body(body, kind, replacing({"é": "ü"})) == '{"a": "ü"}'.encode("latin-1")
    assert map_body("é".encode("utf-16"), "text/plain", lambda _: "\ufeffü") == b"\xff\xfe\xfc\x00"
    assert map_body(b"\xe9", "text/plain", lambda _: "€") == b"?"


@pytest.mark.parametrize("kind", ["gzip", "deflate", "raw", "unsaid"])
def test_a_packed_body_is_opened_and_packed_again(kind: str) -> None:
    text = b'{"ssn": "77"}'
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = {
        "gzip": gzip.compress(text),
        "unsaid": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw": packer.compress(text) + packer.flush(),
    }[kind]
    coding = {"unsaid": "", "raw": "deflate"}.get(kind, kind)
    seen = shown(lambda visit: map_body(body, "application/json", visit, encoding=coding))
    assert seen == [("body.$.ssn", "ssn", "77")]
    assert map_body(body, "application/json", leave, encoding=coding) is body
    after = map_body(body, "application/json", replacing({"77": "8"}), encoding=coding)
    unpacked = packed.unpack(after, coding)
    assert unpacked is not None
    assert unpacked[0] == b'{"ssn": "8"}'
    if coding == "gzip":
        assert gzip.decompress(after) == unpacked[0]
        assert after[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_a_body_that_is_packed_badly_or_grows_too_much_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packed, "MAX_OPENED_BYTES", 1_000)
    sound = gzip.compress(b'{"a":"%b"}' % bytes(1_001).hex().encode())
    for body in (sound, sound[:-4], sound + b"x", gzip.compress(b"")[:-1]):
        assert packed.unpack(body, "gzip") is None
        assert map_body(body, "application/json", lambda _: "x", encoding="gzip") == body


def test_what_is_escaped_in_markup_is_still_sound_xml() -> None:
    body = b'<r a="1&amp;2"><s>3</s></r>'
    mapped = map_body(body, "text/xml", lambda leaf: leaf.text + "<\"'&>é")
    root = ElementTree.fromstring(mapped)
    assert root.attrib == {"a": "1&2<\"'&>é"}
    assert root[0].text == "3<\"'&>é"


@given(
    st.binary(max_size=60) | st.text("{}[]<>&=\"'/!-:,;%\r\n a1é", max_size=60).map(str.encode),
    st.sampled_from(
        ["", "application/json", FORM, PARTS, HTML, "text/plain; charset=utf-16", "image/png",
         "application/x-ndjson", "text/xml; charset=shift_jis", "multipart/mixed; boundary=\"'\""]
    ),
    st.sampled_from(["", "gzip", "deflate", "br"]),
)  # fmt: skip
def test_any_body_is_left_as_it_is(body: bytes, kind: str, coding: str) -> None:
    assert map_body(body, kind, leave, encoding=coding) is body
    assert isinstance(map_body(body, kind, lambda _: "\ud800\r\n<", encoding=coding), bytes)
    assert isinstance(map_body(body, kind, lambda _: None, encoding=coding), bytes)


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=7), max_size=3))
def test_what_was_json_is_json_whatever_is_put_in(value: dict[str, str]) -> None:
    body = json.dumps(value).encode()
    json.loads(map_body(body, "application/json", lambda _: '"}\ud800\x00'))


@given(st.binary(max_size=40), st.sampled_from(["", "utf-8", "utf-16", "latin-1", "gbk", "big5"]))
def test_a_text_turns_back_into_the_very_bytes(body: bytes, charset: str) -> None:
    text, codec = read_text(body, f"text/plain; charset={charset}")
    assert write_text(text, codec) == body
