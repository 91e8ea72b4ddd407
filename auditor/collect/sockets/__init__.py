"""Sockets evidence: the kernel's own tables of what listens, and who.

``listening`` is the collector; ``holding`` answers who holds one port, and whether it can be bound.
"""

from auditor.collect.sockets.holding import Connection, Holding, holding
from auditor.collect.sockets.listing import listening
from auditor.collect.sockets.trial import Outcome, Trial

__all__ = ["Connection", "Holding", "Outcome", "Trial", "holding", "listening"]
