"""Logins are read in every usual form, and nothing in them can pass for an option, a command or a second setting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.ssh import Login, parse_jump, parse_login


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("web-1", Login(host="web-1")),
        ("admin@web-1", Login(host="web-1", user="admin")),
        ("web-1:2222", Login(host="web-1", port=2222)),
        ("admin@[2001:db8::1]:22", Login(host="2001:db8::1", user="admin", port=22)),
        ("2001:db8::1", Login(host="2001:db8::1")),
        ("fe80::1%eth0", Login(host="fe80::1%eth0")),
        ("ssh://admin@192.0.2.1:22/", Login(host="192.0.2.1", user="admin", port=22)),
    ],
)
def test_every_usual_form_is_read(text, login):
    assert parse_login(text) == login
    assert parse_login(str(login)) == login


@pytest.mark.parametrize(
    "text",
    [
        *("", "@web", "-oProxyCommand=id", "a@-oProxyCommand=id", "-l@web", "web 1", "web\nProxyCommand id", "$(id)"),
        *("web;id", "a b@web", "a`id`@web", "web:0", "web:65536", "web:ssh", "[web", "[::1]22", "%h", "::1%$(id)"),
        *("web-1/etc", "a@b@c", "wéb", "web:2\uff12"),
    ],
)
def test_what_is_no_login_is_refused(text):
    with pytest.raises(ValueError, match="is no"):
        parse_login(text)
    with pytest.raises(ValueError, match="is no"):
        parse_jump(f"bastion,{text}")


def test_jumps_are_written_as_the_client_takes_them():
    assert parse_jump("a@one:2222, [2001:db8::1]:22") == "a@one:2222,[2001:db8::1]:22"
    with pytest.raises(ValueError, match="more than 8 jumps"):
        parse_jump(",".join("abcdefghi"))


@given(st.text(max_size=40) | st.from_regex(r"[-a-z@:\[\]%.0-9$]{1,30}", fullmatch=True))
def test_any_text_is_a_harmless_login_or_refused(text):
    try:
        login = parse_login(text)
    except ValueError:
        return
    for word in (login.host, (login.user or "u").removesuffix("$")):  # names of machines as users end in it: WEB$
        assert not word.startswith("-")
        assert not set(word) & set(" \t\n\r\"'`$\\;&|<>(){}*?!#")
