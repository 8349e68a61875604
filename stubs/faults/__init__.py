"""Faults: what can go wrong on cue, one kind a file, each with the standard name and parameters.

Floor 1, pure. Read `course.py` (what a fault makes of a request), then `fault.py` (whom it touches
and when), then any kind. docs/faults.md lists them all.
"""
