"""The services that a gateway answers for: the bundled ones, and those in a user's folders.

A definition is a YAML file; a bundled one may lean on logic in Python. A service of a later folder
takes the place of one of the same name. Every mistake of every file is reported at once.
Read next: `stubs/definitions/reader.py`, which makes a service of a mapping.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import stubs.services
from scenarios.plain_files import read_plain
from scenarios.yaml_lines import MAX_CHARS, load_yaml
from stubs.definitions.reader import Logic, parse_definition
from stubs.reload import definition_files
from stubs.service import Service
from switchboard.errors import EsrError, Fault, ScenarioError

if TYPE_CHECKING:  # the stage is a whole gateway, and here nothing is served
    from stubs.stage import SurroundingsOf

BUNDLED = Path(stubs.services.__file__).parent
MAX_SERVICES = 500

_load_bundled = lru_cache(maxsize=64)(load_yaml)
"""Whoever makes several sandboxes in one process reads the same few files each time."""


class DefinitionsError(EsrError):
    """What is wrong with the definitions of a gateway: one sentence for each fault."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file as it was when it was read."""

    digest: bytes
    service: Service


class ServiceFiles:
    """Reads the definitions, and keeps the services whose file did not change."""

    def __init__(self, folders: Sequence[str] = (), bundled: Path = BUNDLED) -> None:
        self._folders = tuple(map(Path, folders))
        self._bundled = bundled
        self._read: dict[Path, _Read] = {}

    def load(self, surroundings: SurroundingsOf) -> Sequence[Service]:
        """Every service. Raises DefinitionsError with every fault of every file; what was loaded
        before then is what a later call compares with."""
        sentences: list[str] = []
        read: dict[Path, _Read] = {}
        found: dict[str, Service] = {}
        for folder in (self._bundled, *self._folders):
            found.update(self._load_folder(folder, surroundings, read, sentences))
        if len(found) > MAX_SERVICES:
            sentences.append(f"there are {len(found):,} services; up to {MAX_SERVICES} are served")
        if sentences:
            raise DefinitionsError(sentences)
        self._read = read
        return list(found.values())

    def _load_folder(
        self,
        folder: Path,
        surroundings: SurroundingsOf,
        read: dict[Path, _Read],
        sentences: list[str],
    ) -> dict[str, Service]:
        """The services of one folder by name; none of them may be there twice."""
        if not folder.is_dir():
            sentences.append(f"{folder}: there is no such folder with definitions")
        found: dict[str, Service] = {}
        first: dict[str, Path] = {}
        for path in definition_files(folder):
            try:
                read[path] = self._load_file(path, surroundings, folder == self._bundled)
            except ScenarioError as error:
                sentences += _sentences(path, error)
                continue
            except (OSError, ValueError) as error:
                sentences.append(f"{path}: it cannot be read: {_reason(error)}")
                continue
            name = read[path].service.name
            if name in first:
                sentences.append(f"{path}: the service {name} is already in {first[name].name}")
            first.setdefault(name, path)
            found[name] = read[path].service
        return found

    def _load_file(self, path: Path, surroundings: SurroundingsOf, is_bundled: bool) -> _Read:
        data = read_plain(path, 4 * MAX_CHARS + 1)
        digest = blake2b(data).digest()
        known = self._read.get(path)
        if known is not None and known.digest == digest:
            return known
        load = _load_bundled if is_bundled else load_yaml
        value, line_of = load(data.decode("utf-8"), str(path))
        name = _name_of(value)
        around = surroundings(name)
        logic = _logic_of(value, surroundings) if is_bundled else None
        service = parse_definition(
            value, source=str(path), line_of=line_of, logic=logic, surroundings=around
        )
        return _Read(digest, service)


def _name_of(value: object) -> str:
    name = value.get("service") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) else ""


def _logic_of(value: object, surroundings: SurroundingsOf) -> Logic | None:
    """The Python part of a bundled service, by the name that its definition gives."""
    name = value.get("logic") if isinstance(value, Mapping) else None
    if not isinstance(name, str) or not name.isidentifier():
        return None
    module = importlib.import_module(f"stubs.services.{name}")
    logic: Logic = module.make_logic(surroundings(_name_of(value)))
    return logic


def _sentences(path: Path, error: ScenarioError) -> list[str]:
    """One for each fault, with the file and the line."""
    if not error.faults:
        return [f"{path}: {error.message}"]
    return [f"{path}{_line(fault)}: {_what(fault)}" for fault in error.faults]


def _line(fault: Fault) -> str:
    return "" if fault.line is None else f":{fault.line}"


def _what(fault: Fault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path else fault.message


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return getattr(error, "strerror", None) or str(error)
