"""`esr stubs import`: exit codes, what is written and printed, and files that mean harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hms_esr.exits import PASS, USAGE, run_guarded
from hms_esr.stubs_import import MAX_FILE_BYTES, import_command, read_import
from replay.tape import Record, write_tape
from scenarios.drill import parse_drill
from scenarios.yaml_lines import load_yaml
from stubs.definitions.reader import parse_definition
from stubs.importers.report import UnusableFileError
from stubs.reload import definition_files

EXAMPLES = Path(__file__).parents[1] / "stubs" / "importers" / "examples"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(file: str, **options: Any) -> int:
    return run_guarded(lambda: import_command(file, **options))


def written(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("wiremock.json", ["chaos/wiremock.yml", "wiremock.yml"]),
        ("hoverfly.json", ["news.yml", "rates.yml"]),
        ("mountebank.json", ["chaos/stock.yml", "stock.yml"]),
        ("openapi.yml", ["eu.yml"]),
        ("shop.har", ["cdn.yml", "shop.yml"]),
        ("chaos_toolkit.json", ["drills/chaos_toolkit.yml"]),
    ],
)
def test_every_format_is_known_by_its_content(
    name: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "any.name"
    plain.write_bytes((EXAMPLES / name).read_bytes())
    source = plain if name != "chaos_toolkit.json" and name != "wiremock.json" else EXAMPLES / name
    assert run(str(source), out="defs") == PASS
    assert written(tmp_path / "defs") == files
    out = capsys.readouterr().out
    assert "items:" in out
    assert "refused" in out


def test_what_is_written_is_read_as_what_it_is(tmp_path: Path) -> None:
    run(str(EXAMPLES / "wiremock.json"), out="defs")
    value, line_of = load_yaml((tmp_path / "defs/wiremock.yml").read_text(), "wiremock.yml")
    assert parse_definition(value, source="wiremock.yml", line_of=line_of).name == "wiremock"
    run(str(EXAMPLES / "chaos_toolkit.json"), out="defs")
    text = (tmp_path / "defs/drills/chaos_toolkit.yml").read_text()
    drill = parse_drill(*_loaded(text))
    assert [fault.kind.NAME for fault in drill.chaos] == ["latency", "down", "error"]


def _loaded(text: str) -> tuple[object, str]:
    return load_yaml(text, "drill.yml")[0], "drill.yml"


def test_the_report_as_json_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(EXAMPLES / "mountebank.json"), out="defs", json_file="-") == PASS
    report = json.loads(capsys.readouterr().out)
    assert report["format"] == "mountebank"
    assert sum(report["totals"].values()) == report["items"] == len(report["report"]) == 12
    names = [str(Path(path).relative_to(tmp_path)) for path in report["written"]]
    assert names == ["defs/stock.yml", "defs/chaos/stock.yml"]
    assert all(item["why"] for item in report["report"] if item["outcome"] != "kept")


def test_nothing_that_is_there_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(EXAMPLES / "wiremock.json"), out="imported") == PASS
    (tmp_path / "imported/wiremock.yml").write_text("mended")
    (tmp_path / "imported/chaos/wiremock.yml").unlink()
    assert run(str(EXAMPLES / "wiremock.json"), out="imported") == USAGE
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "imported/wiremock.yml").read_text() == "mended"
    assert written(tmp_path / "imported") == ["wiremock.yml"]


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(EXAMPLES / "wiremock.json")) == PASS
    assert "nothing was written" in capsys.readouterr().out
    assert written(tmp_path) == []


def test_the_folder_is_one_that_a_gateway_can_serve(tmp_path: Path) -> None:
    for name in ("wiremock.json", "mountebank.json", "shop.har", "chaos_toolkit.json"):
        assert run(str(EXAMPLES / name), out="defs") == PASS
    served = {path.stem for path in definition_files(tmp_path / "defs")}
    assert served == {"wiremock", "stock", "shop", "cdn"}


def test_a_file_of_which_nothing_can_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = {"request": {"urlPath": "/"}, "response": {"proxyBaseUrl": "https://p.example"}}
    (tmp_path / "m.json").write_text(json.dumps({"mappings": [proxy, proxy]}))
    assert run("m.json", json_file="report.json", out="imported") == USAGE
    said = capsys.readouterr().err
    assert said.startswith("esr: nothing of m.json can be used: mappings[0]: it forwards")
    assert said.count("\n") == 1
    assert "and 1 more were refused" in said
    assert json.loads((tmp_path / "report.json").read_text())["written"] == []
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "holds nothing", id="empty"),
        pytest.param(b"[]", "holds a list", id="a list"),
        pytest.param(b"3", "holds a number", id="a number"),
        pytest.param(b"{}", "none of the formats", id="an empty mapping"),
        pytest.param(b"{", "is no JSON", id="half a JSON"),
        pytest.param(b'{"mappings": NaN}', "NaN is no JSON", id="NaN"),
        pytest.param(b'{"a": 1, "a": 2}', "a key is given twice", id="a key twice"),
        pytest.param(b"a: 1\na: 2\n", "is given twice", id="a key twice, YAML"),
        pytest.param(b"\xff\xfe", "no UTF-8 text", id="no text"),
        pytest.param(b"[" * 100_000, "nested", id="deep JSON"),
        pytest.param(b"- " * 10_000, "nested", id="deep YAML"),
        pytest.param(b'{"log":' * 200 + b"1" + b"}" * 200, "nested", id="deep mappings"),
        pytest.param(b"a: !!python/object:os.system {}", "tag", id="a tag of Python's"),
        pytest.param(b"a: &a [*a]", "nested", id="an alias of itself"),
        pytest.param(b'{"openapi": "2.0", "paths": {}}', "only 3.0 and 3.1", id="an old OpenAPI"),
        pytest.param(b'{"swagger": "2.0"}', "only 3.0 and 3.1", id="Swagger"),
        pytest.param(b'{"mappings": []}', "there is nothing in it", id="no mappings"),
    ],
)
def test_a_file_amiss_is_one_sentence(
    data: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_bytes(data)
    assert run("x.json") == USAGE
    said = capsys.readouterr().err
    assert words in said, said
    assert "x.json" in said
    assert "Traceback" not in said
    assert "fault of our own" not in said


def test_a_file_that_is_too_large_is_not_read_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert run("huge.json") == USAGE
    assert "is larger than 64 MiB" in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("absent.json") == USAGE
    assert "absent.json cannot be read: No such file" in capsys.readouterr().err


def test_a_format_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(EXAMPLES / "shop.har"), as_format="wiremock") == USAGE
    assert "no WireMock mapping" in capsys.readouterr().err
    assert run(str(EXAMPLES / "shop.har"), as_format="wiremok") == USAGE
    assert "did you mean wiremock?" in capsys.readouterr().err
    example = EXAMPLES / "chaos_toolkit.json"
    assert run(str(example), as_format="chaos-toolkit", out="d") == PASS


def test_what_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(str(EXAMPLES / "shop.har"), out="file") == USAGE
    assert "cannot be written" in capsys.readouterr().err
    assert run(str(EXAMPLES / "shop.har"), json_file="no/such/folder.json") == USAGE


def test_keys_of_yaml_that_are_no_texts(tmp_path: Path) -> None:
    """`200:` is a number to YAML, and half of all OpenAPI documents write it so."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.0.0\npaths:\n  /x:\n    get:\n      responses:\n        200:\n"
        "          description: |\n            no: this stays\n            200: so does this\n"
        "          content: {text/plain: {example: {no: 1, 5: 2}}}\n"
    )
    imported, _ = read_import(tmp_path / "api.yaml", "api.yaml", None)
    (route,) = imported.services[0]["routes"]
    assert route["answer"] == {
        "status": 200, "content_type": "text/plain", "json": {"no": 1, "5": 2},
    }  # fmt: skip


def test_yaml_that_is_too_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api.yaml").write_text("a: b\n" * 100_000)
    assert run("api.yaml") == USAGE
    assert "convert it to JSON" in capsys.readouterr().err


def test_a_tape_becomes_statuses_and_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        Record(at, "GET", f"/orders/{at}", host="shop.example", status=404 if at % 10 == 0 else 200,
               wait_us=1000 * (at + 1))
        for at in range(40)
    ]  # fmt: skip
    write_tape(tmp_path / "a-tape", records)
    assert run("a-tape", out="defs") == PASS
    value, _ = load_yaml((tmp_path / "defs/shop.yml").read_text(), "shop.yml")
    assert isinstance(value, dict)
    (route,) = value["routes"]
    assert (route["method"], route["path"]) == ("GET", "/orders/{id}")
    assert route["answer"]["status"] == 200
    assert [(each["share"], each["answer"]["status"]) for each in route["chance"]] == [(0.1, 404)]
    assert route["latency"]["model"] == "empirical"
    assert parse_definition(value, source="shop.yml", line_of=lambda _: None).name == "shop"
    assert "(tape): 1 item:" in capsys.readouterr().out


def test_a_folder_that_is_no_tape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run("empty") == USAGE
    assert "is a folder, and not that of a tape" in capsys.readouterr().err
    (tmp_path / "empty/tape.json").write_text("{}")
    assert run("empty") == USAGE
    assert "is damaged" in capsys.readouterr().err


def test_a_name_of_a_file_goes_nowhere(tmp_path: Path) -> None:
    """Names of services come from hosts that anybody wrote; none of them leaves the folder."""
    entry = {
        "request": {"method": "GET", "url": "https://..%2f..%2fetc/passwd", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"text": "x", "mimeType": "a/b"}},
    }
    (tmp_path / "h.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    imported, _ = read_import(tmp_path / "h.har", "h.har", None)
    assert [service["service"].isalnum() for service in imported.services] == [True]


def test_reading_says_what_is_wrong_as_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="cannot be read"):
        read_import(tmp_path / "no", "no", None)
