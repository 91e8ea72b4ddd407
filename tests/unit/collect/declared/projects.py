"""Compose projects written by tests, and what is read from them."""

from auditor.collect.declared.compose.evidence import ComposeFile


def written(folder, files):
    """Write files by name; the first is the one to give."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return next(iter(files))


def observed(folder, files, *more, environment=None):
    """Read a project as ``auditor check`` does; the observations of all files that were named, as one list each."""
    first = written(folder, files)
    pieces = [ComposeFile(str(folder / name), name, environment or {}) for name in (first, *more)]
    for later in pieces[1:]:
        assert pieces[0].absorb(later)
    return [seen for piece in pieces for seen in piece]


def published(folder, files, *more, environment=None):
    """What is published, as ``8080-8081/tcp on 127.0.0.1``, sorted."""
    seen = observed(folder, files, *more, environment=environment)
    return sorted(
        f"{opening.ports}" + ("" if opening.bind is None else f" on {opening.bind}")
        for one in seen
        for opening in one.openings
    )


def doubts(folder, files, *more, environment=None):
    """What is left open: ports and reasons, without the openings."""
    seen = observed(folder, files, *more, environment=environment)
    return [(str(unknown.ports), unknown.reason) for one in seen for unknown in one.unknown]


def service(*ports, **others):
    """A compose file with one service that has these items of ``ports``, written as they stand."""
    lines = ["services:", "  web:", "    image: x", *(f"    {key}: {value}" for key, value in others.items())]
    if ports:
        lines += ["    ports:", *(f"      - {port}" for port in ports)]
    return {"compose.yaml": "\n".join(lines) + "\n"}
