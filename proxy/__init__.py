"""Doors for traffic that a client sends itself: the fast gateway, interception, the recorder.

Floor 1. Every door asks the same switch what becomes of a request, and the same seal before it
dials; none of them knows another. Read next: `gateway/server.py`, `recorder.py`, `metrics.py`.
"""
