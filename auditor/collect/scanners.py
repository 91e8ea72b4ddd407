"""Other scanners' output, told apart by its first 64 KiB: a part of the registry's table."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from auditor.collect.format import Format, Head
from auditor.files.json_keys import once_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.evidence import Evidence

_MASSCAN_XML = re.compile(r"<nmaprun\b[^>]{0,400}\bscanner\s*=\s*[\"']masscan[\"']|<!-- masscan ")
_MASSCAN_LIST = re.compile(r"#masscan\s*$|(?:open|closed|banner) (?:tcp|udp|icmp|sctp|ip) \d+ \S+ \d+\b", re.MULTILINE)
_MASSCAN_GREPABLE = re.compile(r"# Masscan \S+ scan initiated |Timestamp: \d+\tHost: ")
_MASSCAN_NOTHING = re.compile(r"\[?\s*\{\s*finished\s*:\s*1\s*\}")
_NMAP_COMMENT = re.compile(r"# Nmap \S+ scan initiated ")
_NMAP_GREPABLE = re.compile(r"^(?:Host: \S+ \([^)\n]*\)\t(?:Status|Ports): |# Ports scanned: )", re.MULTILINE)
_NMAP_FOR_PEOPLE = re.compile(r"^Nmap scan report for ", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_RUSTSCAN = re.compile(r"^(?:[\w.:\[\]-]+ -> \[[\d, ]*\]|Open (?:\[\S+\]|[^\s:\[\]]+):\d+)\s*$", re.MULTILINE)
_RUSTSCAN_TALK = (".----.", "[~] ", "[!] ", "[>] ")
"""How its output for people begins."""
_NOT_NAABUS = {"rec_type", "url", "template-id", "matched-at", "input"}
"""Keys of others' findings, which have an address and a port, too."""
_OBJECT = re.compile(r"[\s,\[]*(?=\{)")
_KEY = re.compile(r'"([\w-]{1,40})"\s*:')
_CUT_OBJECT = 4000

_read = json.JSONDecoder(object_pairs_hook=once_each).raw_decode


def is_masscan_xml(text: str) -> bool:
    """Whether a file of nmap's form is masscan's."""
    return text.startswith("<") and _MASSCAN_XML.search(text) is not None


def _entry(head: Head) -> dict[str, Any]:
    """Read the first object of a file of JSON, alone or in a list; of one that is cut off, its keys without values."""
    begins = _OBJECT.match(head.text)
    if begins is None:
        return {}
    try:
        fields = _read(head.text, begins.end())[0]
    except (ValueError, RecursionError):
        return dict.fromkeys(_KEY.findall(head.text[:_CUT_OBJECT]))
    return fields if isinstance(fields, dict) else {}


def _is_masscan_json(head: Head) -> bool:
    keys = _entry(head).keys()
    return {"ip", "ports"} <= keys or {"ip", "rec_type"} <= keys or _MASSCAN_NOTHING.match(head.text) is not None


_NAABUS = {"ip", "host"}
_NAABU_COLUMNS = {*_NAABUS, "port", "protocol", "tls", "cdn", "cdn-name", "timestamp", "mac_address"}


def _is_naabu_json(head: Head) -> bool:
    """``host`` alone is common elsewhere; with a port and without anything that naabu does not write it is naabu's."""
    keys = _entry(head).keys()
    if "port" not in keys or keys & _NOT_NAABUS:
        return False
    return "ip" in keys or ("host" in keys and keys <= {"host", "port", "timestamp", "protocol", "tls"})


def _is_zmap_json(head: Head) -> bool:
    return "saddr" in _entry(head)


def _is_zmap_csv(head: Head) -> bool:
    """A header with ``saddr``, or addresses and nothing else."""
    from auditor.collect.imported.sightings import canonical

    lines = _whole_lines(head)
    if lines and "saddr" in lines[0].split(","):
        return True
    return bool(lines) and all(canonical(line) for line in lines)


def _is_pairs(head: Head) -> bool:
    from auditor.collect.imported.port_lines import PAIR

    lines = _whole_lines(head)
    return bool(lines) and all(PAIR.fullmatch(line) for line in lines)


def _is_grepable(head: Head) -> bool:
    begins = _NMAP_COMMENT.match(head.text) or _NMAP_GREPABLE.match(head.text)
    return begins is not None and _NMAP_FOR_PEOPLE.search(head.text) is None


def _is_rustscan(head: Head) -> bool:
    text = _COLOURS.sub("", head.text).lstrip()
    looks = _RUSTSCAN.search if text.startswith(_RUSTSCAN_TALK) else _RUSTSCAN.match
    return looks(text) is not None


def _whole_lines(head: Head) -> list[str]:
    """Lines that are not blank; the last one only if it is there to its end, or alone."""
    whole, _, rest = head.text.rpartition("\n")
    return [line.strip() for line in (whole or rest).split("\n") if line.strip()]


def _masscan(name: str) -> Callable[[str, str], Evidence]:
    def opened(path: str, source: str) -> Evidence:
        from auditor.collect.imported import masscan

        form: Callable[[str, str], Evidence] = getattr(masscan, name)
        return form(path, source)

    return opened


def _open_nmap_grepable(path: str, source: str) -> Evidence:
    from auditor.collect.imported.nmap_grepable import NmapGrepable

    return NmapGrepable(path, source=source)


def _is_naabu_csv(head: Head) -> bool:
    """Its header names the port and whose it is, and nothing that naabu does not write."""
    names = [name.strip() for name in head.text.partition("\n")[0].split(",")]
    return "port" in names and not _NAABUS.isdisjoint(names[:2]) and set(names) <= _NAABU_COLUMNS


def _open_naabu_csv(path: str, source: str) -> Evidence:
    from auditor.collect.imported.naabu import csv_file

    return csv_file(path, source)


def _open_naabu(path: str, source: str) -> Evidence:
    from auditor.collect.imported.naabu import json_file

    return json_file(path, source)


def _open_zmap_csv(path: str, source: str) -> Evidence:
    from auditor.collect.imported.zmap import csv_file

    return csv_file(path, source)


def _open_zmap_json(path: str, source: str) -> Evidence:
    from auditor.collect.imported.zmap import json_file

    return json_file(path, source)


def _open_rustscan(path: str, source: str) -> Evidence:
    from auditor.collect.imported.port_lines import rustscan_file

    return rustscan_file(path, source)


def _open_pairs(path: str, source: str) -> Evidence:
    from auditor.collect.imported.port_lines import pairs_file

    return pairs_file(path, source)


SCANNERS: tuple[Format, ...] = (
    Format(name="nmap grepable", matches=_is_grepable, open=_open_nmap_grepable),
    Format(name="masscan XML", matches=lambda head: is_masscan_xml(head.text), open=_masscan("xml_file")),
    Format(name="masscan JSON", matches=_is_masscan_json, open=_masscan("json_file")),
    Format(name="masscan list", matches=lambda head: _begins(_MASSCAN_LIST, head), open=_masscan("list_file")),
    Format(
        name="masscan grepable", matches=lambda head: _begins(_MASSCAN_GREPABLE, head), open=_masscan("grepable_file")
    ),
    Format(name="naabu JSON", matches=_is_naabu_json, open=_open_naabu),
    Format(name="naabu CSV", matches=_is_naabu_csv, open=_open_naabu_csv),
    Format(name="zmap JSON", matches=_is_zmap_json, open=_open_zmap_json),
    Format(name="zmap CSV", matches=_is_zmap_csv, open=_open_zmap_csv),
    Format(name="RustScan", matches=_is_rustscan, open=_open_rustscan),
    Format(name="host:port lines", matches=_is_pairs, open=_open_pairs),
)
"""What scanners other than ours and nmap's XML write. The last few are sure of little, and are to be asked last."""


def _begins(form: re.Pattern[str], head: Head) -> bool:
    return form.match(head.text) is not None
