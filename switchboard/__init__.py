"""Pure rules: where a request may go, what must be rewritten, what is refused.

Floor 0, standard library only: no sockets, files or clocks. Read `event.py`, then
`environment.py`, `guard.py` and `rewrite.py`.
"""
