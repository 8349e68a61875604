"""The services that come with the product: a YAML definition each, with Python where that is more.

`hms_esr/bundled.py` reads them. Floor 1. Read next: `svc.yml`, then `logic.py`.
"""
