"""TCP SYN: half-open probes over raw sockets, for who holds CAP_NET_RAW. One of the scanner's methods.

`method` is the way in: it sends what `packet` builds, from `sources` of its own, along the kernel's `route`, and reads
the answers from a `ring`; `neighbours` finds out who is there on our own networks, and `peer` keeps what is known of
one address.
"""

from auditor.collect.probe.syn.method import Syn

__all__ = ["Syn"]
