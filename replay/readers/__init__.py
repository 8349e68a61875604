"""Trace readers, one format a file: bytes in, events out, every unusable line named."""
