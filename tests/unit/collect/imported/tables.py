"""What tests of socket tables share: a file of text, read to its only host."""

from auditor.collect.registry import open_evidence


def seen_in(folder, text, *, name="table.txt"):
    """Write a file, read it, and give its one observation and its evidence."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    evidence = open_evidence(str(path))
    (seen,) = evidence
    return seen, evidence


def brief(seen):
    """Sockets as ``port address process``, with the device after the address."""
    return [
        " ".join(
            filter(
                None,
                (str(one.port), one.address + (f"%{one.interface}" if one.interface else ""), one.process or ""),
            )
        )
        for one in seen.sockets
    ]


def reasons(seen):
    """What is unknown: ports, and the reason without the name of the file."""
    return [(str(each.ports), each.reason.rpartition("table.txt:")[2].strip()) for each in seen.unknown]
