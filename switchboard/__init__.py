"""Pure rules: where a request may go, what must be rewritten, what is refused.

Floor 0, standard library only: no sockets, files or clocks but at its edge (the mode cells and the
middleware). Read `event.py`, then `environment.py`, `guard.py` and `rewrite.py`; of the
switchboard itself `rules.py`, `decide.py`, `mode.py` and `middleware.py`.

What applications use is exported here, and loaded when it is first asked for:

    switchboard.set_mode("sandbox", who="a trainer", why="drill 7")   # or switchboard.set(...)
    app = switchboard.SwitchboardASGI(app)                            # or SwitchboardWSGI
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from switchboard.middleware import SwitchboardASGI, SwitchboardWSGI
    from switchboard.mode import FileMode, MemoryMode, ModeError, get_mode, set_mode

    set = set_mode  # noqa: A001  the seed's own spelling

__all__ = [
    "FileMode",
    "MemoryMode",
    "ModeError",
    "SwitchboardASGI",
    "SwitchboardWSGI",
    "get_mode",
    "set_mode",
]

_HOMES: Final = {
    "FileMode": "mode",
    "MemoryMode": "mode",
    "ModeError": "mode",
    "SwitchboardASGI": "middleware",
    "SwitchboardWSGI": "middleware",
    "get_mode": "mode",
    "set": "mode",
    "set_mode": "mode",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{home}")
    return getattr(module, "set_mode" if name == "set" else name)
