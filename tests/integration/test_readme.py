"""What the README tells a newcomer to type is typed here, in its order, in one folder.

Every line of every ```console block is dealt with by name: `esr...` lines run as installed, only
shorter, doors until they are ready; `make` lines must name a target; `docker` lines must fit the
Dockerfile. A line of any other kind fails, so nothing in the README goes unread.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scenarios.units import parse_duration

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = ("esr", "hms-esr", "esr-replay")
TIMEOUT_S = 60

# A replay of the README is cut to this much recorded time, so that the suite stays quick.
SHORT = "2s"
# And a drill is played faster.
FAST = "960x"
PASS, VOID = 0, 98

# The log that the README calls access.log.
ACCESS_LOG = """\
198.51.100.7 - - [15/Mar/2020:14:00:00 +0000] "GET / HTTP/1.1" 200 512 "-" "Mozilla/5.0"
198.51.100.8 - - [15/Mar/2020:14:00:00 +0000] "GET /help HTTP/1.1" 200 128 "-" "Mozilla/5.0"
198.51.100.7 - - [15/Mar/2020:14:00:01 +0000] "POST /apply HTTP/1.1" 302 0 "-" "Mozilla/5.0"
"""

# The one that it calls signups.ndjson, and that nobody should replay as it is.
SIGNUPS = """\
{"ts":"2020-03-15T14:00:00Z","method":"POST","url":"/v1/signups","user":"C-48219730",\
"body":{"ssn":"219-09-1234","email":"john.smith@gmail.com"},"status":201}
{"ts":"2020-03-15T14:00:01Z","method":"GET","url":"/v1/signups/C-48219730","user":"C-48219730","status":200}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that starts with `$ `: its words, and the exit code it promises.

    variables: those set before the command, as in `ESR_SVC_TOKEN=sandbox esr ...`.
    """

    text: str
    words: tuple[str, ...]
    exits: int
    variables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def command(self) -> str:
        return self.words[0]

    @property
    def is_door(self) -> bool:
        """It goes on until it is told to stop."""
        is_stubs = self.words[1:3] == ("stubs", "serve") and "--list" not in self.words
        return self.command == "esr" and (self.words[1:2] in [("gateway",), ("proxy",)] or is_stubs)

    @property
    def is_judged(self) -> bool:
        """It plays a run, and a run on a machine that is too busy is void."""
        return (self.is_replay and self.exits == PASS) or self.is_drill

    @property
    def is_drill(self) -> bool:
        return self.words[1:3] == ("drill", "run")

    @property
    def is_replay(self) -> bool:
        return self.command == "esr-replay" or self.words[1:2] in [("replay",), ("start",)]


def parse_line(text: str) -> Line:
    promised = re.search(r"#\s*exits (\d+)", text)
    words = shlex.split(text, comments=True)
    variables = [*itertools.takewhile(lambda word: re.match(r"[A-Z_]+=", word), words)]
    exits = int(promised[1]) if promised else 0
    return Line(text, tuple(words[len(variables) :]), exits, tuple(variables))


def console_lines(page: str) -> list[Line]:
    """Every command of a page's ```console blocks, in order; other lines there are output."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    typed = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [parse_line(line.removeprefix("$ ")) for line in typed]


def shortened(words: tuple[str, ...], free_port: int) -> list[str]:
    """The same replay, cut to SHORT of recorded time, and served on a free port if at all."""
    kept = list(words)
    if "--duration" in kept:
        place = kept.index("--duration") + 1
        kept[place] = min(kept[place], SHORT, key=parse_duration)
    else:
        kept += ["--duration", SHORT]
    return [f"--serve=127.0.0.1:{free_port}" if word == "--serve" else word for word in kept]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(line: Line, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shortened(line.words, free_port()) if line.is_replay else list(line.words)
    if line.is_drill:
        words[words.index("--speed") + 1] = FAST
    return subprocess.run(
        [script(words[0]), *words[1:]], cwd=folder, env=environment(line, folder),
        timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def run_door(line: Line, folder: Path) -> subprocess.CompletedProcess[str]:
    """Until it is ready, then SIGTERM; on a free port, for the README's may be taken."""
    words = list(line.words)
    words[words.index("--listen") + 1] = "127.0.0.1:0"
    with subprocess.Popen(
        [script(words[0]), *words[1:]], cwd=folder, env=environment(line, folder), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as door:  # fmt: skip
        assert door.stdout is not None
        ready = door.stdout.readline()
        door.terminate()
        said, errors = door.communicate(timeout=TIMEOUT_S)
    assert re.fullmatch(r"ready 127\.0\.0\.1:[0-9]+\n", ready), f"{line}\n{errors}"
    assert said == ""
    return subprocess.CompletedProcess(words, door.returncode, ready, errors)


def script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def environment(line: Line, folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ESR_")}
    named = (word.partition("=") for word in line.variables)
    # The key of pseudonyms is made in the test's own folder.
    own = {"NO_COLOR": "1", "XDG_CONFIG_HOME": str(folder)}
    return {**clean, **own, **{name: value for name, _, value in named}}


def rules_of(page: str) -> str:
    """The rules file that the README shows."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (rules,) = [block for block in blocks if block.startswith("# switchboard.yml")]
    return str(rules)


LINES = console_lines(README)


def test_esr_lines_do_what_the_readme_says(tmp_path: Path) -> None:
    """In order and in one folder: `esr runs` shows the runs of the lines before it."""
    (tmp_path / "access.log").write_text(ACCESS_LOG)
    (tmp_path / "signups.ndjson").write_text(SIGNUPS)
    (tmp_path / "switchboard.yml").write_text(rules_of(README))
    lines = [line for line in LINES if line.command in SCRIPTS]
    assert lines
    for line in lines:
        ran = run_door(line, tmp_path) if line.is_door else run(line, tmp_path)
        # Whether this machine was quiet enough for a faithful replay is not the README's promise.
        allowed = {line.exits, VOID} if line.is_judged else {line.exits}
        assert ran.returncode in allowed, f"{line}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr, line
        assert ran.stdout or ran.stderr, f"{line} says nothing"
    assert list((tmp_path / ".esr/runs").glob("RUN-*/scorecard.json"))


def test_make_lines_name_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = [word for line in LINES if line.command == "make" for word in line.words[1:]]
    assert asked
    assert set(asked) <= targets


def test_docker_lines_fit_the_dockerfile() -> None:
    """The container's words are those of `esr`, and the folder it mounts is where it works."""
    text = (ROOT / "Dockerfile").read_text()
    (ran,) = [line for line in LINES if line.words[:2] == ("docker", "run")]
    after_image = ran.words[ran.words.index("hms-esr") + 1 :]
    mounted = ran.words[ran.words.index("-v") + 1].rpartition(":")[2]
    assert 'ENTRYPOINT ["esr"]' in text
    assert f"\nWORKDIR {mounted}\n" in text
    assert after_image[0] == "replay"


def test_every_line_is_of_a_kind_that_is_read_here() -> None:
    assert {line.command for line in LINES} <= {*SCRIPTS, "make", "docker"}


def test_every_block_is_a_known_language() -> None:
    """A command in an unmarked block would escape these tests."""
    assert set(re.findall(r"^```(\w*)$", README, re.MULTILINE)) - {""} <= {
        "console",
        "yaml",
        "text",
    }
    assert README.count("\n```\n") * 2 == len(re.findall(r"^```", README, re.MULTILINE))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("esr-replay", "x"), ["esr-replay", "x", "--duration", "2s"]),
        (("esr-replay", "x", "--duration", "1m"), ["esr-replay", "x", "--duration", "2s"]),
        (("esr-replay", "x", "--duration", "500ms"), ["esr-replay", "x", "--duration", "500ms"]),
        (("esr-replay", "x", "--serve"),
         ["esr-replay", "x", "--serve=127.0.0.1:7", "--duration", "2s"]),
    ],
    ids=["no window", "a long window", "a short window", "served"],
)  # fmt: skip
def test_a_replay_is_shortened(words: tuple[str, ...], expected: list[str]) -> None:
    assert shortened(words, 7) == expected


def test_a_promised_exit_code_is_read() -> None:
    assert parse_line("esr-replay x   # refused: exits 97").exits == 0
    assert parse_line("esr-replay x   # exits 97") == Line(
        "esr-replay x   # exits 97", ("esr-replay", "x"), 97
    )
