"""Links: values of answers that come back in later requests, found and written down."""
