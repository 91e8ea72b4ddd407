"""Caches: redis (RESP) and memcached (text protocol)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, Lead, always, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found

_REDIS = re.compile(
    rb"\A(?:\+PONG\r\n|-NOAUTH |-DENIED Redis |-LOADING |-MISCONF |-MASTERDOWN |-NOPERM "
    rb"|-ERR (?:wrong number of arguments for '(?:get|GET|ping)'|operation not permitted|max number of clients))"
)
_VERSION = re.compile(rb"\A(?:ERROR\r\n){0,20}VERSION (\d[^\r\n]{0,60})\r\n")
_LOST = re.compile(rb"\A(?:ERROR\r\n){1,20}\Z")


def redis(data: bytes) -> Found:
    """Read the reply to PING, or to a request that was not meant for it."""
    return Answer(service="redis", product="Redis") if _REDIS.match(data) else None


def memcached(data: bytes) -> Found:
    """Read the reply to ``version``, which settles what a mere ERROR hints at."""
    found = _VERSION.match(data)
    if found:
        return Answer(service="memcached", product="memcached", version=cleaned(found[1]))
    return Lead(say=b"version\r\n") if _LOST.match(data) else None


RECOGNISERS = (redis, memcached)
GREETINGS = {
    "redis": always(b"*1\r\n$4\r\nPING\r\n"),
    "memcached": always(b"version\r\n"),
    "memcached-next": always(b"\r\nversion\r\n"),  # where something else was said before
}
