"""One TLS connection without a socket: records go in and come out, and nothing is verified. What it shows is evidence.

Verification would refuse to speak with exactly the servers that an audit must name. No secret is ever sent.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from auditor.collect.identify.certificate import NOTHING, Facts, read_certificate

if TYPE_CHECKING:
    from ssl import SSLContext

_RECORD = re.compile(rb"\A[\x15\x16]\x03[\x00-\x04]")
_SERVER_NAME = re.compile(
    r"(?=.{4,253}\Z)(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]"
)
_LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, which ssl names only since Python 3.12


class TlsRefusedError(Exception):
    """The handshake failed, or the session ended in an error."""


class Plain(NamedTuple):
    """What was inside the records, and whether the other side has ended the session."""

    data: bytes
    ended: bool


class Session:
    """A client's side. Feed it what the server sends; send what :meth:`pending` gives."""

    def __init__(self, server_name: str | None = None) -> None:
        import ssl

        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = _context().wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def pending(self) -> bytes:
        """Take the records that are to be sent."""
        return self._outgoing.read()

    def handshake(self, data: bytes = b"") -> bool:
        """Go on with the handshake; whether it is done.

        :raises TlsRefusedError: it has failed.
        """
        import ssl

        self._incoming.write(data)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except (ssl.SSLError, ValueError) as error:
            raise TlsRefusedError from error
        return True

    def certificate(self) -> Facts:
        """What the server's certificate says of itself."""
        der = self._session.getpeercert(binary_form=True)
        return read_certificate(der) if der else NOTHING

    def encrypt(self, data: bytes) -> bytes:
        """Put words into records.

        :raises TlsRefusedError: the session has ended.
        """
        import ssl

        try:
            if data:
                self._session.write(data)
        except ssl.SSLError as error:
            raise TlsRefusedError from error
        return self.pending()

    def decrypt(self, data: bytes) -> Plain:
        """Take words out of records; an error ends the session."""
        import ssl

        self._incoming.write(data)
        read = bytearray()
        try:
            while chunk := self._session.read(4096):
                read += chunk
        except ssl.SSLWantReadError:
            return Plain(bytes(read), ended=False)
        except ssl.SSLError:
            pass
        return Plain(bytes(read), ended=True)

    def farewell(self) -> bytes:
        """Give the alert that closes the session (RFC 8446 section 6.1)."""
        import ssl

        with suppress(ssl.SSLError, ValueError):
            self._session.unwrap()
        return self.pending()


def is_record(data: bytes) -> bool:
    """Whether a server's first bytes are a handshake or alert record."""
    return _RECORD.match(data) is not None


def server_name(name: str | None) -> str | None:
    """Return the name if it can stand in a server name indication (RFC 6066 section 3): a DNS name with a dot."""
    return name if name and _SERVER_NAME.fullmatch(name) else None


@lru_cache(maxsize=1)
def _context() -> SSLContext:
    """Speak with servers of every age, whatever their certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")  # who may stay anonymous shows no certificate
    context.options |= _LEGACY_SERVER_CONNECT
    return context
