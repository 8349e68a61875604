"""The run's clock: the ticker that wakes a worker when the next request is due.

All processes of a run read the same monotonic clock, so a run's start is one number that the parent
hands to its workers. The ticker itself serves the stubs as well: `switchboard/edge/ticker.py`.
"""

from switchboard.edge.ticker import Ticker as Ticker
from switchboard.edge.ticker import choose_ticker as choose_ticker
