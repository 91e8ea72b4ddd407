"""What ``aws ec2 describe-security-groups`` prints: the security groups that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import Access, shown
from auditor.collect.declared.infrastructure.aws import networks_of, ports_of
from auditor.collect.declared.infrastructure.subject import Subject, observations
from auditor.errors import CutOffError, EvidenceError
from auditor.files.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.files.documents import Document
    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation

    Path = tuple[str | int, ...]


def parse(source: SourceText) -> Iterator[Observation]:
    """Read a listing: each group by its id, its name and its ``Name`` tag. What carries them is not in it.

    :raises EvidenceError: not JSON, or not of that form.
    :raises CutOffError: after the observations, of one page of a listing.
    """
    (document,) = read_documents(source)
    groups = document.data.get("SecurityGroups") if isinstance(document.data, dict) else None
    if not isinstance(groups, list):
        raise EvidenceError(f"{source.file}: this is no list of security groups")
    yield from observations(
        _group(document, entry, ("SecurityGroups", at)) for at, entry in enumerate(groups) if isinstance(entry, dict)
    )
    if document.data.get("NextToken"):
        place = document.location(("NextToken",), key=True)
        raise CutOffError(f"{place}: this is one page of a listing, and more groups follow ('NextToken')")


def _group(document: Document, entry: dict[str, Any], path: Path) -> Subject:
    tags = [tag for tag in _list(entry.get("Tags")) if isinstance(tag, dict) and tag.get("Key") == "Name"]
    texts = [entry.get("GroupId"), entry.get("GroupName"), *(tag.get("Value") for tag in tags)]
    names = [text for text in texts if isinstance(text, str) and text] or ["a security group"]
    subject = Subject(name=names[0], names=tuple(names))
    for at, permission in enumerate(_list(entry.get("IpPermissions"))):
        if isinstance(permission, dict):
            subject.rules += _permission(document, names, permission, (*path, "IpPermissions", at))
        else:
            subject.doubts.append(f"{names[0]}: a permission is not of AWS's form")
    return subject


def _permission(document: Document, names: list[str], entry: dict[str, Any], path: Path) -> Iterator[Access]:
    """Yield one rule a source, each with a place and a description of its own."""
    ports, vague = ports_of(entry.get("IpProtocol"), entry.get("FromPort"), entry.get("ToPort"))
    whose = f"{names[0]} ({shown(names[1])})" if len(names) > 1 else names[0]
    for kind, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
        for at, item in enumerate(_list(entry.get(kind))):
            told = item if isinstance(item, dict) else {key: item}
            networks, doubts = networks_of([told.get(key)])
            place: Path = (*path, kind, at, key)
            described = told.get("Description")
            yield Access(
                ports=ports,
                vague=bool(vague),
                sources=networks,
                doubts=tuple(f"{whose}: {doubt}" for doubt in (*doubts, *filter(None, (vague,)))),
                what=f"{whose}: {shown(described)}" if isinstance(described, str) and described else whose,
                path=place,
                location=document.location(place),
            )
    groups = [item.get("GroupId") for item in _list(entry.get("UserIdGroupPairs")) if isinstance(item, dict)]
    lists = [item.get("PrefixListId") for item in _list(entry.get("PrefixListIds")) if isinstance(item, dict)]
    if groups or lists:
        yield Access(
            ports=ports,
            vague=bool(vague),
            groups=tuple(f"{'other ' if one == names[0] else ''}members of {shown(one)}" for one in groups),
            doubts=tuple(f"{whose}: what is in the prefix list {shown(one)} is not in the listing" for one in lists),
            what=whose,
            path=path,
            location=document.location(path),
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
