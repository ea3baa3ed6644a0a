"""The table of trainings is read back as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.trainings import Trained, read_table, table
from nas.study.files import FINALS_TABLE, write_atomically

NUMBERS = st.floats(0, 1)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
ROWS = st.builds(
    Trained,
    key=WORDS,
    network=WORDS,
    purpose=WORDS,
    seed=st.integers(0),
    lr=NUMBERS,
    weight_decay=NUMBERS,
    parameters=st.integers(0),
    macs=st.integers(0),
    state=WORDS,
    reason=WORDS,
    value=st.none() | NUMBERS,
    micro_batch=st.none() | st.integers(1),
    latency=st.none() | NUMBERS,
    versions=st.dictionaries(WORDS, WORDS, max_size=2),
)


@given(rows=st.lists(ROWS, max_size=4))
def test_a_table_is_read_back_to_the_last_digit(rows: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("table")
    write_atomically(folder / FINALS_TABLE, table(rows))
    assert read_table(folder) == rows
