"""Service definitions: what a service answers, written as data instead of Python.

Floor 1, pure. `reader.py` makes a Service of a mapping; `when.py` decides which requests a route
takes, `answers.py` what it says, `states.py` what it remembers, `sandbox.py` what a template may
do. docs/service-definitions.md lists every key.
"""
