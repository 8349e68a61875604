"""Doors for traffic that a client sends itself: interception, the fast gateway, the recorder.

Floor 1. Nothing stands here yet: replayed traffic needs no proxy, since the worker dials only what
the switchboard bound. The package name is kept so that installs and imports do not change later.
"""
