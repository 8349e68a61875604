"""The gateway: a fast reverse proxy and host router that decides every request by the switchboard.

Floor 1. Strict readers of heads and bodies without sockets (`request_head.py`, `answer_head.py`,
`chunks.py`), what is prepared once per host (`plan.py`), and asyncio Protocols that hold them
together (`client_wire.py`, `passage.py`, `upstream_wire.py`). Nothing that a client sent is passed
on as it came: what goes upstream is built anew from parts that were understood.
Read next: `server.py`, the Gateway itself; docs/gateway.md.
"""
