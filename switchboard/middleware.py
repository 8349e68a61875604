"""The switchboard in front of an application: ASGI and WSGI, standard library only.

Floor 0's edge, and all that an application imports. It sees only what comes in at this process:
a convenience for switching a service over, never the only control over what goes out of it.
How to attach it in each framework: docs/middleware.md. Read next: `edge/asgi_door.py` and
`edge/wsgi_door.py`.
"""

from switchboard.edge.asgi_door import SwitchboardASGI
from switchboard.edge.door import read_rules
from switchboard.edge.in_flight import OldWayClosedError
from switchboard.edge.wsgi_door import SwitchboardWSGI

__all__ = ["OldWayClosedError", "SwitchboardASGI", "SwitchboardWSGI", "read_rules"]
