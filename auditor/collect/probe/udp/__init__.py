"""Probe evidence over UDP: questions in the services' own protocols, and what the network says of ports that refuse.

`live` is the way in; `campaign` deals out questions and gathers answers through `wire`, `subject` knows one address
(`ledger` what was learnt of it, `rounds` and `trickle` when it is enough), `table` which question belongs to a port;
`observation` says what it all amounts to, `joined` puts it together with what TCP showed.
"""

from auditor.collect.probe.udp.joined import JoinedScan, joined, scan_joined
from auditor.collect.probe.udp.live import UdpScan, scan_udp
from auditor.collect.probe.udp.subject import Budget

__all__ = ["Budget", "JoinedScan", "UdpScan", "joined", "scan_joined", "scan_udp"]
