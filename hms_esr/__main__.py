"""`python -m hms_esr` is `esr`."""

from hms_esr.cli import main

if __name__ == "__main__":
    main()
