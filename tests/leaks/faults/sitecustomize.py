"""Faults in the doors of the leak suite, from outside: no door has a switch for them.

Python imports this module at the start of every door, for its folder stands on the Python path
there. Without the variables of the suite it does nothing. With `ESR_LEAKS_UNGUARDED` the guard is
taken out; with `ESR_LEAKS_CONTROL` (a file) every function of ours can be made to fail.
"""

import os

if "ESR_LEAKS_UNGUARDED" in os.environ or "ESR_LEAKS_CONTROL" in os.environ:
    from tests.leaks.faults import hooks

    hooks.install(
        os.environ.get("ESR_LEAKS_CONTROL"), is_unguarded="ESR_LEAKS_UNGUARDED" in os.environ
    )
