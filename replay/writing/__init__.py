"""A trace written out again: in order, in time, without credentials."""
