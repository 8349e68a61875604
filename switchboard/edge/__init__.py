"""The edge of floor 0: the only part of the switchboard that does something.

It maps the mode file, asks for the time, holds threads and tasks. Its public faces are
`switchboard/mode.py` and `switchboard/middleware.py`; whatever decides stays outside, and pure.
"""
