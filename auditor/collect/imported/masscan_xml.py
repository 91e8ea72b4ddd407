"""masscan's XML: nmap's form, with one ``<host>`` a port. Read by nmap's reader, and put together as the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.imported.sightings import Sighting
from auditor.model.evidence import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.imported.scanner_file import Run
    from auditor.collect.imported.stream import Stream
    from auditor.model.evidence import Observation


def read(stream: Stream, run: Run) -> Iterator[Sighting]:
    """Read one file; what is wrong in it is nmap's reader's to say."""
    from auditor.collect.imported.nmap_xml import NmapXml

    evidence = NmapXml(stream.path, source=stream.source, scanner="masscan")
    for seen in evidence:
        yield from _parts(seen)
    stream.sha256 = evidence.origin.sha256
    run.failure = evidence.completion.reason


def _parts(seen: Observation) -> Iterator[Sighting]:
    """Every port of a host by itself, which is one as a rule."""
    when = seen.finished or seen.started
    services = {service.port: service.service for service in seen.services if service.method == "probed"}
    yield Sighting(address=seen.address, name=seen.host, when=when)
    vague = tuple((None, unknown.ports) for unknown in seen.unknown)
    for state, ports in ((State.OPEN, seen.open), (State.CLOSED, seen.closed), *vague):
        for port in ports:
            yield Sighting(
                address=seen.address, name=seen.host, port=port, state=state, when=when, service=services.get(port)
            )
