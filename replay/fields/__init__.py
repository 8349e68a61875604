"""An event taken apart into named texts, and put together again: what is scanned and replaced."""
