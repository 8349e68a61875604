"""`python -m stubs`: the stub gateway as a process of its own. Read next: `serve.py`."""

from __future__ import annotations

from stubs.serve import run_gateway

if __name__ == "__main__":
    run_gateway()
