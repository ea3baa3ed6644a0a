"""Text of a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.drawing.text import Span, Text, clean

# Advance widths of DejaVu Sans and DejaVu Sans Bold in hundredths of an em: the widest of the usual system fonts.
REGULAR = {"0": 64, "W": 99, "m": 98, "w": 82, "a": 62, "i": 28, "×": 84, " ": 32, "_": 50, "O": 79, "&": 78, "…": 100}
BOLD = {"0": 70, "W": 111, "m": 105, "w": 93, "a": 68, "i": 35, "×": 84, " ": 35, "_": 50, "O": 86, "r": 50, "t": 48}


@pytest.mark.parametrize(("bold", "widths"), [(False, REGULAR), (True, BOLD)], ids=["regular", "bold"])
def test_no_character_is_taken_for_narrower_than_it_is(bold: bool, widths: dict[str, int]) -> None:
    for char, width in widths.items():
        assert Text((Span(char, bold),), 100).width >= width, char


@given(st.text(max_size=80))
def test_a_cleaned_name_is_printable_and_short(name: str) -> None:
    assert clean(name, 20).isprintable()
    assert len(clean(name, 20)) <= 20


def test_a_name_that_can_be_shown_stays_as_it_is() -> None:
    assert clean("stage_2.normal") == "stage_2.normal"
