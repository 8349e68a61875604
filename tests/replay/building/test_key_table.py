from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.building.key_table import UNKNOWN, KeyTable

KEYS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, -(2**63), 2**63 - 1, 2**58])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(KEYS, max_size=20), max_size=6), st.lists(KEYS, max_size=20))
def test_a_table_gives_what_a_dict_gives(batches: list[list[int]], asked: list[int]) -> None:
    table, plain = KeyTable(), dict[int, int]()
    for batch in batches:
        new = sorted(set(batch) - plain.keys())
        numbers = [len(plain) + i for i in range(len(new))]
        table.add(np.array(new, np.int64), np.array(numbers, np.int64))
        plain.update(zip(new, numbers, strict=True))
        looked_up = sorted({*asked, *plain})
        found = table.find(np.array(looked_up, np.int64)).tolist()
        assert found == [plain.get(key, UNKNOWN) for key in looked_up]
