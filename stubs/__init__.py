"""Agent stubs: cardboard cut-outs of real services, fast, believable, and never writing real data.

Floor 1. Read `gateway.py`, then one file of `services/` and `learned.py`.
"""
