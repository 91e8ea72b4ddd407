"""The nearest valid word."""

from __future__ import annotations

import pytest

from auditor.files.suggest import listed, nearest


@pytest.mark.parametrize(
    ("word", "found"), [("hihg", "high"), ("HIGH", "high"), ("xyz", None), (7, None), (None, None), ("h" * 5000, None)]
)
def test_a_near_word_is_suggested_and_a_far_one_is_not(word, found):
    assert nearest(word, ["high", "low"]) == found


def test_the_suggestion_is_spelled_as_the_valid_word_is():
    assert nearest("web-server", ["Web-Server"]) == "Web-Server"


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_words_are_listed_as_a_sentence_does(words, text):
    assert listed(words) == text
