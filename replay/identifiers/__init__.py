"""What identifies a person or opens a door: how it is found, and what is provably not real."""
