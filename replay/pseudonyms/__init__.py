"""Pseudonyms: the same for the same citizen everywhere, written as the real value was."""
