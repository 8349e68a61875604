"""Building a tape: readers in, sorted columns and request bytes out, in flat memory."""
