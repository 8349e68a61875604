"""HMS-ESR: a flight simulator for services and policies.

Floor 3, the only public promise: the command line, the runner and what users import.
"""

__version__ = "0.1.0"
