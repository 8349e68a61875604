from __future__ import annotations

from replay.building.numbering import IDLE_NS
from replay.writing.client_names import ClientNames


def test_clients_are_numbered_as_they_are_met_and_named_as_they_are_written() -> None:
    names = ClientNames()
    first, second = names.number("10.0.0.1"), names.number("10.0.0.2")
    assert (first, second, names.number("10.0.0.1")) == (1, 2, 1)
    assert names.name(second, 0, inferred=False) == ("client-1", None)
    assert names.name(first, 0, inferred=False) == ("client-2", None)
    assert names.name(second, 9 * IDLE_NS, inferred=False) == ("client-1", None)


def test_a_long_silence_ends_the_session_of_a_guess() -> None:
    names = ClientNames()
    times = [0, IDLE_NS, 5, 2 * IDLE_NS + 1, 2 * IDLE_NS]
    sessions = [names.name(1, ns, inferred=True)[1] for ns in times]
    assert sessions == [f"client-1-{number}" for number in (1, 1, 1, 2, 2)]


def test_memory_is_flat_and_names_are_never_given_twice() -> None:
    names = ClientNames(most=10)
    numbers = [names.number(f"c{each}") for each in range(25)]
    assert len(set(numbers)) == 25
    assert names.number("c24") == numbers[24]
    found = [names.name(number, 0, inferred=False)[0] for number in numbers]
    assert len(set(found)) == 25
    assert names.name(numbers[24], 0, inferred=False) == (found[24], None)
