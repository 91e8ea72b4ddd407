"""What an Ansible host pattern means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.policy.host_patterns import MAX_HOSTS, expand
from auditor.policy.words import WrongWordError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", ["web"]),
        ("web:2222", ["web"]),
        ("192.0.2.1:22", ["192.0.2.1"]),
        ("2001:db8::1", ["2001:db8::1"]),
        ("[2001:db8::1]:2222", ["2001:db8::1"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[01:03].example.com:22", ["web01.example.com", "web02.example.com", "web03.example.com"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("db-[A:E:2]", ["db-A", "db-C", "db-E"]),
        ("n[0:10:5]", ["n0", "n5", "n10"]),
        ("n[:2]", ["n0", "n1", "n2"]),
        ("[a:b]", ["a", "b"]),
        ("r[1:2]-n[a:b]", ["r1-na", "r1-nb", "r2-na", "r2-nb"]),
    ],
)
def test_a_pattern_means_its_names_in_order_without_the_port(pattern, names):
    assert list(expand(pattern)) == names


@pytest.mark.parametrize(
    "pattern",
    [
        "w[]",
        "w[1]",
        "w[3:1]",
        "w[01:100]",
        "w[a:1]",
        "w[c:a]",
        "w[aa:bb]",
        "w[1:2:0]",
        "w[1:2:x]",
        "w[1:2:1:1]",
        "w[\u0661:\u0662]",
    ],
)
def test_a_range_that_is_none_is_refused(pattern):
    with pytest.raises(WrongWordError, match="range"):
        expand(pattern)


@pytest.mark.parametrize("pattern", ["w[0:999999]", "w[1:1000][1:1000]", "w[0:" + "9" * 18 + "]", "w" + "[a:z]" * 1000])
def test_a_pattern_of_too_many_names_is_refused_before_they_are_made(pattern):
    with pytest.raises(WrongWordError, match="more than"):
        expand(pattern)


@given(st.text(alphabet="w[]:0123az.é \t", max_size=30))
def test_any_text_is_names_or_refused(pattern):
    try:
        names = list(expand(pattern))
    except WrongWordError:
        return
    assert 1 <= len(names) <= MAX_HOSTS
