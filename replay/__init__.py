"""From a recorded trace to sent requests and their outcomes.

Floor 1. The data flows one way: `readers/` -> `compile.py` -> `tape.py` -> `schedule.py` ->
`worker.py` (over `wire.py`) -> `outcome.py`; `fleet.py` runs the workers as processes.
"""
