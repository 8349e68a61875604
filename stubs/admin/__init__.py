"""The admin API, under `/__esr`: what the gateway is, what it was asked, and what to change.

Starlette serves this, and only this: it is asked rarely. Floor 1. docs/stub-admin.md lists the
calls. Read `place.py` (who may call), then `app.py`.
"""

from __future__ import annotations

from stubs.admin.app import DoorGuard as DoorGuard
from stubs.admin.app import make_admin as make_admin
from stubs.admin.counts import Counts as Counts
from stubs.admin.desk import Desk as Desk
from stubs.admin.place import PREFIX as PREFIX
from stubs.admin.place import Door as Door
from stubs.admin.place import is_admin_call as is_admin_call


def is_admin(path: str) -> bool:
    """Whether a decoded path is the gateway's own, for a server that is asked in memory."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")
