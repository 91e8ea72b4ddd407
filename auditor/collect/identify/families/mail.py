"""Mail and files: servers greet first: smtp (RFC 5321), pop3 (RFC 1939), imap (RFC 9051), ftp (RFC 959), rsync."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, Lead, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found, Greeting

EHLO = b"EHLO auditor.invalid\r\n"

_GREETING = re.compile(rb"\A(220|421|554)([ -])([^\r\n]{0,510})(\r?\n)?")
_REPLY = re.compile(rb"^(\d{3}) ", re.MULTILINE)
_SMTP_WORD = re.compile(rb"(?:\A|[\s(])(?:E?SMTP|LMTP)(?:[\s);]|\Z)", re.IGNORECASE)
_FTP_WORD = re.compile(rb"ftp|filezilla", re.IGNORECASE)
_MAILERS = re.compile(rb"\b(Postfix|Exim|Sendmail|OpenSMTPD|Haraka)\b(?:[ /]+(\d[\w.]*))?")
_FILERS = re.compile(rb"(vsFTPd|ProFTPD|Pure-FTPd|FileZilla Server|Microsoft FTP Service)(?: v?(\d[\w.]*))?")
_POP3 = re.compile(rb"\A\+OK(?:[ \r\n]|\Z)([^\r\n]{0,510})(\r?\n)?")
_IMAP = re.compile(rb"\A\* (?:OK|PREAUTH|BYE)[ \r\n]([^\r\n]{0,2000})(\r?\n)?")
_STORES = re.compile(rb"\b(Dovecot|Courier-IMAP|Cyrus IMAP|Zimbra|Microsoft Exchange)\b(?: v?(\d[\w.]*))?")
_RSYNC = re.compile(rb"\A@RSYNCD: (\d{1,3}\.\d{1,3})")


def greeting(data: bytes) -> Found:
    """Tell smtp from ftp, which greet alike; where the words do not tell, the answer to EHLO does."""
    found = _GREETING.match(data)
    if found is None:
        return None
    code, text, whole = found[1], found[3], found[4] is not None
    if _SMTP_WORD.search(text):
        return _named("smtp", _MAILERS.search(text), complete=whole)
    if code != b"554" and _FTP_WORD.search(text.partition(b" ")[2] if b"." in text.partition(b" ")[0] else text):
        return _named("ftp", _FILERS.search(text), complete=whole)
    if code != b"220" or not whole:
        return None
    return _after_ehlo(data[found.end() :])


def pop3(data: bytes) -> Found:
    """Read a greeting."""
    found = _POP3.match(data)
    return None if found is None else _named("pop3", _STORES.search(found[1]), complete=found[2] is not None)


def imap(data: bytes) -> Found:
    """Read a greeting."""
    found = _IMAP.match(data)
    return None if found is None else _named("imap", _STORES.search(found[1]), complete=found[2] is not None)


def rsync(data: bytes) -> Found:
    """Read the daemon's version line."""
    found = _RSYNC.match(data)
    return Answer(service="rsync", product="rsync protocol", version=cleaned(found[1])) if found else None


def _after_ehlo(rest: bytes) -> Found:
    """250 is smtp's (RFC 5321 section 4.1.1.1); ftp wants a login first, or does not know the command."""
    replies = [code for code in _REPLY.findall(rest) if code != b"220"]
    if not replies:
        return Lead(say=EHLO)
    if replies[0] == b"250":
        return Answer(service="smtp")
    return Answer(service="ftp") if replies[0] in (b"500", b"502", b"530") else None


def _named(service: str, found: re.Match[bytes] | None, *, complete: bool) -> Answer:
    product, version = (found[1], found[2]) if found else (None, None)
    return Answer(service=service, product=cleaned(product), version=cleaned(version), complete=complete)


RECOGNISERS = (greeting, pop3, imap, rsync)
GREETINGS: dict[str, Greeting] = {}
