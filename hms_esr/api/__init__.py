"""The HTTP face under `/api/esr`."""
