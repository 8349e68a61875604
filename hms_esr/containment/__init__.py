"""What `esr contain` stands on: a jail without a way out, and doors that are let into it.

Outside, with the user's network: `../contain.py` (the supervisor), `doors.py`, `relay.py`. Inside:
`warden.py`, which makes the jail (`jail.py`, `kernel.py`, `syscalls.py`) and starts the command.
What both must agree on is in `plan.py`. The reasons are in docs/containment.md.
"""
