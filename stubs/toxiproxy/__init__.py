"""The HTTP API of Toxiproxy 2 before the stubs: its clients inject faults with what they know.

A proxy is a service, a toxic is a fault. Nothing listens for a proxy and nothing is dialled: what a
client calls its upstream is kept as text. Floor 1. docs/toxiproxy.md has the mapping.
Read `toxics.py` (what becomes what), then `book.py`, then `api.py`.
"""

from stubs.toxiproxy.api import make_toxiproxy as make_toxiproxy
from stubs.toxiproxy.book import Book as Book
