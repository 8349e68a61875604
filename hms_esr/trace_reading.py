"""From the words about reading a trace to what they mean: format, sources, and the treatment.

Shared by `esr trace`, `esr tape`, `esr plan` and `esr replay`. Every mistake is one sentence that
names the option. What most runs have no need of is imported where it is asked for: the anonymiser
alone takes a tenth of a second. Read next: `replay/treatment.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hms_esr.anon_key import load_key
from hms_esr.exits import UsageError, os_sentence
from hms_esr.options import Cut, Reading
from hms_esr.plain import require_plain
from replay.anonymise.policy import BUILT_IN, Policy
from replay.anonymise.policy_reader import parse_policy
from replay.readers.files import Named
from replay.readers.format import Format
from replay.readers.formats import find_format
from replay.tape import INFO
from replay.treatment import Treatment
from scenarios.loader import lake_folder, resolve_log_path
from scenarios.yaml_lines import load_yaml
from switchboard.errors import ScenarioError, TraceError

if TYPE_CHECKING:
    from replay.anonymise.anonymiser import Anonymise
    from replay.filters import Filters
    from replay.session_keys import SessionKey

MAX_FILE: Final = 1_000_000
CSV: Final = "csv"
TABLES: Final = (CSV, "parquet")


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a trace. were_found: a folder or a glob held more than was named."""

    files: tuple[Named, ...]
    were_found: bool
    named: tuple[str, ...]
    """As a person wrote them."""


@dataclass(frozen=True, slots=True)
class HowToRead:
    """How a trace is read. format: None recognises each file by its content."""

    format: Format | None
    treatment: Treatment
    workers: int = 1
    mapping_digest: str | None = None

    @property
    def identity(self) -> list[Any]:
        """What of it decides a tape, so that kept ones are told apart; holds no key."""
        done = self.treatment
        return [
            self.format and self.format.name,
            self.mapping_digest,
            done.session_key and str(done.session_key),
            done.links,
            done.anonymise and done.anonymise.describe(),
            done.gate,
            sorted(done.allowed),
        ]


def is_tape(folder: Path) -> bool:
    """True for the folder of a tape."""
    try:
        return (folder / INFO).is_file()
    except OSError:  # a name too long for the file system is the name of nothing
        return False


def find_sources(named: Sequence[str], env: Mapping[str, str], cwd: Path) -> Sources:
    """What is to be read. Raises TraceError, or EsrError for a name that no account can hold."""
    lake = lake_folder(env, cwd)
    files: list[Named] = []
    for name in named:
        if is_tape(cwd / name):
            raise TraceError(
                f"{name} is a tape and no log any more: play it with esr-replay, or name the log "
                "that it was made of"
            )
        files += resolve_log_path(name, scenario_dir=None, lake=lake, cwd=cwd)
    return make_sources(files, named)


def make_sources(files: Sequence[Named], named: Sequence[str]) -> Sources:
    """Raises EsrError for a name that no account can hold."""
    for file in files:
        if isinstance(file, Path):
            require_plain(file, "the log")
    return Sources(tuple(files), len(files) > len(named), tuple(named))


def choose_reading(
    reading: Reading,
    env: Mapping[str, str],
    cwd: Path,
    *,
    cut: Cut | None = None,
    policy: Policy | None = None,
    gate: bool = True,
    links: bool = False,
) -> HowToRead:
    """What the options mean. Raises UsageError, or ScenarioError for a file with faults.

    policy: a scenario's own; one that the command line names wins.
    """
    allowed = frozenset(map(_kind, reading.allow_kind))
    return HowToRead(
        choose_format(reading, cwd),
        Treatment(
            session_key=choose_session_key(reading.session_key),
            filters=choose_filters(cut) if cut is not None else None,
            links=links,
            anonymise=choose_anonymise(reading, env, cwd, policy),
            gate=gate,
            allowed=allowed,
        ),
        reading.workers,
        None if reading.mapping is None else _digest(cwd / reading.mapping),
    )


def choose_format(reading: Reading, cwd: Path) -> Format | None:
    """The format that was named, with its mapping where it needs one."""
    name = reading.format
    if reading.mapping is None:
        if name in TABLES:
            raise UsageError(f"--format {name} needs --mapping FILE, which says what a column is")
        return None if name is None else _format(name)
    if name is not None and name not in TABLES:
        raise UsageError(f"--mapping is for csv and parquet, and --format says {name[:80]}")
    source = f"--mapping {reading.mapping}"
    if name is None:
        raise UsageError("--mapping needs --format csv or --format parquet beside it")
    return _table_format(name, _load_yaml(cwd / reading.mapping, source))


def _table_format(name: str, written: tuple[object, str, Any]) -> Format:
    from replay.readers.columns import parse_mapping
    from replay.readers.csv_table import csv_format
    from replay.readers.parquet import parquet_format

    return (csv_format if name == CSV else parquet_format)(parse_mapping(*written))


def choose_session_key(text: str | None) -> SessionKey | None:
    if text is None:
        return None
    from replay.session_keys import parse_session_key

    try:
        return parse_session_key(text)
    except ValueError as error:
        raise UsageError(f"--session-key: {error}") from None


def choose_filters(cut: Cut) -> Filters:
    from replay.filter_words import build_filters

    try:
        return build_filters(
            start=cut.start,
            end=cut.end,
            hosts=cut.hosts,
            routes=cut.routes,
            methods=cut.methods,
            statuses=cut.statuses,
            users=cut.users,
            sessions=cut.sessions,
            sample=cut.sample,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None


def choose_anonymise(
    reading: Reading, env: Mapping[str, str], cwd: Path, policy: Policy | None
) -> Anonymise | None:
    """Key and policy, when anonymising was asked for by a word, a file or a scenario."""
    if reading.policy is not None:
        policy = read_policy(cwd / reading.policy, f"--policy {reading.policy}")
    elif policy is None and reading.anonymise:
        policy = BUILT_IN
    if policy is None:
        return None
    from replay.anonymise.anonymiser import Anonymise

    return Anonymise(load_key(env, key_folder(env)), policy)


def read_policy(path: Path, source: str) -> Policy:
    """Raises ScenarioError with every fault of the file."""
    return parse_policy(*_load_yaml(path, source))


def key_folder(env: Mapping[str, str]) -> Path:
    """Where the key of pseudonyms is kept: with this user's settings, never with a project."""
    settings = env.get("XDG_CONFIG_HOME")
    try:
        return (Path(settings) if settings else Path("~/.config").expanduser()) / "hms-esr"
    except RuntimeError:
        raise UsageError(
            "there is no home folder to keep the key of pseudonyms in: give one in $ESR_ANON_KEY"
        ) from None


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _kind(name: str) -> str:
    from replay.identifiers.kinds import KINDS

    if name not in KINDS:
        raise UsageError(
            f"--allow-kind: {name[:80]!a} is not a kind of finding; there are {', '.join(KINDS)}"
        )
    return name


def _format(name: str) -> Format:
    try:
        return find_format(name)
    except ValueError as error:
        raise UsageError(f"--format: {error}") from None


def _load_yaml(path: Path, source: str) -> tuple[object, str, Any]:
    """Value, what errors call it, and the lines of its paths."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ScenarioError(f"{source} is not UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {os_sentence(error)}") from None
    if len(data) > MAX_FILE:
        raise UsageError(f"{source} is larger than {MAX_FILE:,} bytes")
    value, line_of = load_yaml(text, source)
    return value, source, line_of
