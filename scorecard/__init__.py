"""Outcomes in, numbers out: histograms, SLOs, the certificate, the store and the scorecard.

Floor 2. Read `card.py`, then `histogram.py`, `slo.py` and `certificate.py`.
"""
