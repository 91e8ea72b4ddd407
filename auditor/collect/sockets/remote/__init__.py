"""Sockets evidence of other machines, over SSH and without anything installed there.

``script → client → frame → answer``: a shell script goes in through OpenSSH's client, a framed answer comes back, and
becomes the records that the reader of this machine's own tables makes. ``fleet`` does so for many hosts at once.
"""

from auditor.collect.sockets.remote.client import Settings
from auditor.collect.sockets.remote.fleet import CONCURRENCY, Remote, remote_listening

__all__ = ["CONCURRENCY", "Remote", "Settings", "remote_listening"]
