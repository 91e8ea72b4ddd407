"""Evidence written down and read back: JSON Lines, a header, one line a host, a footer (docs: snapshot format)."""

from auditor.snapshot.checkpoint import tee
from auditor.snapshot.encode import footer_line, header_line, observation_line
from auditor.snapshot.merge import merge
from auditor.snapshot.read import Snapshot
from auditor.snapshot.write import SnapshotWriter, record

__all__ = [
    "Snapshot",
    "SnapshotWriter",
    "footer_line",
    "header_line",
    "merge",
    "observation_line",
    "record",
    "tee",
]
