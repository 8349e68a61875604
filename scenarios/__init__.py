"""YAML in, frozen Scenario out; the bundled scenarios and their small lake of logs.

Floor 2. Read `spec.py`, then `loader.py`; `lake/` holds the bundled synthetic OPS log.
"""
