"""Hosts that are read without the XML parser mean what the parser would have made of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.imported.nmap_plain import PlainHosts
from auditor.collect.imported.nmap_xml import NmapXml
from auditor.errors import EvidenceError

CORPUS = Path(__file__).parents[4].parent / "shared" / "corpus"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<nmaprun scanner="nmap" version="7.93" start="1763625600"><scaninfo type="syn" protocol="tcp" services="1-100"/>
"""
TAIL = '<runstats><finished time="1763712000" exit="success"/></runstats></nmaprun>\n'
PIECES = [
    (
        '<port protocol="tcp" portid="22"><state state="open" reason="syn-ack" reason_ttl="62"/>'
        '<service name="ssh" product="OpenSSH" method="probed" conf="10"><cpe>cpe:/a:x:y</cpe></service></port>\n'
    ),
    '<port protocol="tcp" portid="22"><state state="closed" reason="reset"/></port>\n',
    '<port protocol="udp" portid="53"><state state="open|filtered" reason="no-response"/></port>\n',
    (
        '<port protocol="tcp" portid="443"><state state="filtered" reason="port-unreach" reason_ip="10.0.0.9"/>'
        '<service name="https" tunnel="ssl" product="a &amp; b" method="table"/></port>\n'
    ),
    (
        '<port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/><service name="http" method="table"/>'
        '<script id="http-title" output="It works &lt;b&gt;&#xa;"/></port>\n'
    ),
    '<port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/><service name="a" name="b"/></port>\n',
    '<port protocol="tcp" portid="70000"><state state="open" reason="syn-ack"/></port>\n',
    '<port protocol="sctp" portid="80"><state state="open" reason="syn-ack"/></port>\n',
    "<!-- ",
    " -->",
    '<extraports state="closed" count="97">\n<extrareasons reason="reset" count="97"/>\n</extraports>\n',
    (
        '<extraports state="filtered" count="2"><extrareasons reason="no-response" count="2" proto="tcp" ports="5-6"/>'
        "</extraports>\n"
    ),
]
BEFORE = ["", "\n", "<!-- ", " --> ", "<host/>", "<![CDATA[", "]]>", '<hosthint><status state="up"/></hosthint>\n', "é"]


def host_text(number: int, before: str, pieces: list[str], times: str) -> str:
    return (
        f'{before}<host starttime="17636256{number:02}"><status state="up" reason="echo-reply" reason_ttl="3"/>\n'
        f'<address addr="10.0.0.{number}" addrtype="ipv4"/>\n<hostnames>\n'
        f'<hostname name="h{number}.example.com" type="PTR"/>\n</hostnames>\n'
        f"<ports>{''.join(pieces)}</ports>{times}</host>"
    )


HOSTS = st.lists(
    st.tuples(
        st.sampled_from(BEFORE) | st.just("\n"),
        st.lists(st.sampled_from(PIECES), max_size=5),
        st.sampled_from(["", '<times srtt="1" rttvar="2" to="3"/>\n', '<times srtt="1" srtt="2" to="3"/>', "<os/>"]),
    ),
    max_size=6,
)


def outcome(path: Path) -> tuple[object, ...]:
    """Everything that is told of the file: what was seen, how it ended, or the refusal with its place."""
    try:
        evidence = NmapXml(path)
        seen = list(evidence)
    except EvidenceError as refusal:
        return (str(refusal),)
    return (seen, evidence.completion, evidence.origin)


def by_the_parser_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    with monkeypatch.context() as patched:
        patched.setattr(PlainHosts, "record", lambda *_: None)
        return outcome(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(hosts=HOSTS, cut=st.none() | st.integers(1, 2000))
def test_a_file_tells_the_same_with_and_without_the_short_cut(
    hosts: list[tuple[str, list[str], str]], cut: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = [("\n", [PIECES[10], PIECES[0]], "")] * 2
    body = "".join(host_text(number, *host) for number, host in enumerate([*plain, *hosts]))
    path = tmp_path / "scan.xml"
    path.write_text((HEAD + body + TAIL)[: None if cut is None else -cut], encoding="utf-8")
    assert outcome(path) == by_the_parser_alone(path, monkeypatch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    places=st.lists(
        st.tuples(
            st.integers(0, 4000), st.integers(0, 3), st.sampled_from(["", "<", ">", '"', "&", "/", "-", "9", "\n"])
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_damaged_file_tells_the_same_with_and_without_the_short_cut(
    places: list[tuple[int, int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [PIECES[10], PIECES[0], PIECES[2], PIECES[4]]
    text = HEAD + "".join(host_text(number, "\n", pieces, "") for number in range(5)) + TAIL
    for at, length, other in places:
        place = at % len(text)
        text = text[:place] + other + text[place + length :]
    path = tmp_path / "scan.xml"
    path.write_text(text, encoding="utf-8")
    assert outcome(path) == by_the_parser_alone(path, monkeypatch)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp037", "utf-16", "hz"])
def test_only_encodings_that_hold_ascii_are_read_by_the_short_cut(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "".join(host_text(number, "\n", [PIECES[0]], "") for number in range(4))
    path = tmp_path / "scan.xml"
    path.write_bytes((HEAD.replace("UTF-8", encoding) + body + TAIL).encode(encoding))
    assert outcome(path) == by_the_parser_alone(path, monkeypatch)


def test_most_hosts_of_a_file_as_nmap_writes_it_never_reach_the_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.xml"
    path.write_text(HEAD + "".join(host_text(number, "\n", PIECES[:1], "") for number in range(50)) + TAIL)
    taken = []
    read = PlainHosts.record

    def noted(self: PlainHosts, *given: object) -> object:
        record = read(self, *given)  # type: ignore[arg-type]
        taken.append(record is not None)
        return record

    monkeypatch.setattr(PlainHosts, "record", noted)
    assert len(list(NmapXml(path))) == 50
    assert sum(taken) >= 48


@pytest.mark.skipif(not CORPUS.is_dir() and "CI" not in os.environ, reason="the corpus lies beside the repository")
def test_files_of_the_corpus_tell_the_same_with_and_without_the_short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted((CORPUS / "nmap-xml").rglob("*.xml"))
    assert files
    for path in files:
        assert outcome(path) == by_the_parser_alone(path, monkeypatch), path
