"""Stubs from other tools' files: each format read into service definitions, and a loss report.

Floor 1, pure: a parsed JSON or YAML value goes in, mappings come out. Nothing that forwards,
proxies or runs code can be written in a definition, so nothing imported can do it.
Read next: `report.py`, then `wiremock.py` as an example of a format.
"""
