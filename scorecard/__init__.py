"""Outcomes in, numbers out: histograms, SLOs, the certificate, the store and the scorecard.

Floor 2. Read `tally.py` (counts a run), then `card.py`, `certificate.py` and `store.py`.
"""
