"""No text of somebody else fills a line, ends it or moves the cursor."""

from __future__ import annotations

from act_core.foreign_text import LONGEST, clean, clean_list
from hypothesis import given
from hypothesis import strategies as st


def test_the_examples_of_the_docstrings():
    assert clean("\x1b[2Jjoint\n" + 100 * "x", 12) == "?[2Jjoint?xx…"
    assert clean_list(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert clean_list([]) == "none"


def test_what_is_harmless_stays():
    assert clean("shoulder_pan") == "shoulder_pan"
    assert clean("Gelenk für 手首") == "Gelenk für 手首"
    assert clean(12.5) == "12.5"


@given(st.text(max_size=200))
def test_any_text_becomes_one_short_printable_line(text):
    shown = clean(text)
    assert shown.isprintable()
    assert len(shown) <= LONGEST + 1


@given(st.lists(st.text(max_size=100), max_size=40))
def test_any_list_becomes_one_short_printable_line(texts):
    shown = clean_list(texts)
    assert shown.isprintable()
    assert len(shown) < 8 * (LONGEST + 3) + 20
