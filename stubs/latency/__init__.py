"""How long a stub takes to answer: one small model a file. Floor 1, pure.

Read next: `model.py`, which says what a model is; `table.py`, which lists them.
"""

from stubs.latency.cold_start import ColdStart as ColdStart
from stubs.latency.empirical import Empirical as Empirical
from stubs.latency.exponential import Exponential as Exponential
from stubs.latency.fixed import Fixed as Fixed
from stubs.latency.learned_file import choose_latency as choose_latency
from stubs.latency.learned_file import latencies_by_place as latencies_by_place
from stubs.latency.learned_file import parse_latencies as parse_latencies
from stubs.latency.lognormal import LogNormal as LogNormal
from stubs.latency.mapping import latency_mapping as latency_mapping
from stubs.latency.model import MAX_MS as MAX_MS
from stubs.latency.model import AnyModel as AnyModel
from stubs.latency.model import LatencyModel as LatencyModel
from stubs.latency.model import Moment as Moment
from stubs.latency.model import MomentModel as MomentModel
from stubs.latency.model import Wait as Wait
from stubs.latency.model import needs_moment as needs_moment
from stubs.latency.model import wait_of as wait_of
from stubs.latency.no_delay import NoDelay as NoDelay
from stubs.latency.normal import Normal as Normal
from stubs.latency.percentiles import Percentiles as Percentiles
from stubs.latency.queue import Queue as Queue
from stubs.latency.reader import parse_latency as parse_latency
from stubs.latency.table import LATENCY_MODELS as LATENCY_MODELS
from stubs.latency.time_of_day import Bucket as Bucket
from stubs.latency.time_of_day import TimeOfDay as TimeOfDay
from stubs.latency.uniform import Uniform as Uniform
from stubs.latency.weights import choose_weighted as choose_weighted
