"""Benchmarks: what the product costs on this machine, beside tools people know.

`python -m bench` runs them; docs/benchmarks.md says what each one measures and how to read it.
Read next: `__main__.py`, then `closed.py`, `open.py`, `tape.py` and `cli.py`, one a file.
"""
