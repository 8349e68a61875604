"""The interceptor: mitmproxy embedded, for TLS and for clients that cannot be configured.

mitmproxy fails open: a hook that raises, a chain that stops early, an option or a late addon lets
the request through to where it was meant for. Here it is built the other way round, in four walls
of which each stands alone:

- `router.py` decides in `requestheaders`, before anything is dialled, and rebuilds the request;
- `guard.py` denies first in `server_connect` and allows what the router routed, and nothing else;
- `seal.py` asks again outside the chain of addons, so that no addon can get past it;
- `wall.py` stands where mitmproxy opens sockets, and under the whole process.

Floor 1, the only home of mitmproxy. Read `master.py` first: it puts the walls up.
"""
