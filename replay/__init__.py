"""From a recorded trace to sent requests and their outcomes.

Floor 1. One way: `readers/` -> `treatment.py` (`linking/`, `anonymise/`, `gate/`) -> `building/` ->
`tape.py` -> `schedule.py` -> `worker.py` (over `wire.py`) -> `outcome.py`; `fleet.py`
runs the workers as processes. `writing/` and `exports/` end the same treatment in a file.
"""
