"""Targets on the command line: what other tools take as one is refused with what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.policy.arguments import read_targets


@pytest.mark.parametrize(
    ("given_text", "said"),
    [
        ("192.0.2.1,192.0.2.2", "did you mean '192.0.2.1 192.0.2.2'?"),
        ("a,b", "is a list; expected targets with blanks between them; did you mean 'a b'?"),
        ("http://192.0.2.10/", "is a URL; expected an address, a network or a DNS name; did you mean '192.0.2.10'?"),
        ("https://user@shop.example:8443/a?b", "did you mean 'shop.example'?"),
        ("https://[2001:db8::1]:8443", "did you mean '2001:db8::1'?"),
    ],
)
def test_a_list_or_a_url_gets_a_hint(given_text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_targets([given_text])
    assert said in str(caught.value)


@pytest.mark.parametrize("given_text", ["http://", ",", "a,?", "http://a b/"])
def test_no_target_is_suggested_that_would_be_refused(given_text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_targets([given_text])
    assert "did you mean" not in str(caught.value)


@given(st.sampled_from(["", "http://", "192.0.2.1,", "x://u@["]), st.text())
def test_any_text_is_a_target_or_an_error_of_one_line(before: str, text: str) -> None:
    said = ""
    try:
        (found,) = read_targets([before + text])
        said = found.text
    except UsageError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
