"""What masscan writes, in each of its forms."""

import json

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.ports import NO_PORTS, PortSet

STAMP = 1795380666
ENTRIES = (
    ("192.0.2.1", STAMP + 2, 443, "tcp", "open"),
    ("2001:db8::1", STAMP + 1, 22, "tcp", "open"),
    ("192.0.2.1", STAMP, 80, "tcp", "open"),
    ("192.0.2.1", STAMP + 3, 53, "udp", "open"),
    ("192.0.2.1", STAMP + 3, 23, "tcp", "closed"),
)


def as_json(entries=ENTRIES, between="\n,\n", begin="[\n", end="\n]\n"):
    return begin + between.join(map(entry, entries)) + end


def entry(values):
    ip, when, port, proto, status = values
    inside = {"port": port, "proto": proto, "status": status, "reason": "syn-ack", "ttl": 64}
    return json.dumps({"ip": ip, "timestamp": str(when), "ports": [inside]})


def as_json_lines(entries=ENTRIES):
    return "".join(
        json.dumps(
            {
                "ip": ip,
                "timestamp": str(when),
                "port": port,
                "proto": proto,
                "rec_type": "status",
                "data": {"status": status, "reason": "syn-ack", "ttl": 64},
            }
        )
        + "\n"
        for ip, when, port, proto, status in entries
    )


def as_list(entries=ENTRIES, end="# end\n"):
    lines = [f"{status} {proto} {port} {ip} {when}\n" for ip, when, port, proto, status in entries]
    return f"#masscan\n{''.join(lines)}{end}"


GREPABLE_HEAD = (
    "# Masscan 1.3.2 scan initiated Sun Nov 22 20:52:25 2026\n"
    "# Ports scanned: TCP(4;22-23,80-80,443-443,) UDP(1;65589-65589,) SCTP(0;) PROTOCOLS(0;)\n"
)


def as_grepable(entries=ENTRIES, head=GREPABLE_HEAD, end="# Masscan done at Sun Nov 22 20:52:31 2026\n"):
    lines = [
        f"Timestamp: {when}\tHost: {ip} ()\tPorts: {port}/{status}/{proto}//unknown//\n"
        for ip, when, port, proto, status in entries
    ]
    return f"{head}{''.join(lines)}{end}"


def as_xml(entries=ENTRIES, end='<runstats><finished time="1795380700"/></runstats>\n</nmaprun>\n'):
    hosts = [
        f'<host endtime="{when}"><address addr="{ip}" addrtype="{"ipv6" if ":" in ip else "ipv4"}"/><ports>'
        f'<port protocol="{proto}" portid="{port}"><state state="{status}" reason="syn-ack" reason_ttl="64"/></port>'
        "</ports></host>\n"
        for ip, when, port, proto, status in entries
    ]
    head = '<?xml version="1.0"?>\n<!-- masscan v1.0 scan -->\n<nmaprun scanner="masscan" start="1795380660" '
    head += 'version="1.0-BETA"  xmloutputversion="1.03">\n<scaninfo type="syn" protocol="tcp" />\n'
    return head + "".join(hosts) + end


FORMS = [as_json, as_json_lines, as_list, as_grepable, as_xml]


@pytest.fixture
def read(tmp_path):
    def reading(text, asked=None):
        path = tmp_path / "masscan"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_evidence(str(path), asked=None if asked is None else PortSet.parse(asked))

    return reading


@pytest.fixture
def refused(read, tmp_path):
    def refusing(text, says, error=EvidenceError, **more):
        with pytest.raises(error) as caught:
            list(read(text, **more))
        assert str(caught.value) == f"{tmp_path}/masscan{says}"

    return refusing


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(read, form):
    evidence = read(form())
    first, second = evidence
    assert (first.address, str(first.open), str(first.closed)) == ("192.0.2.1", "80/tcp,443/tcp,53/udp", "23/tcp")
    assert (second.address, str(second.open)) == ("2001:db8::1", "22/tcp")
    for seen in (first, second):
        assert seen.asked == seen.open | seen.closed
        assert not seen.closed_filtered
        assert seen.alive is True
    assert (first.started.timestamp(), second.started.timestamp()) == (STAMP, STAMP + 1)
    assert evidence.completion.complete
    assert evidence.origin.tool == "masscan"
    assert evidence.origin.asked is None
    assert evidence.origin.started.timestamp() == STAMP
    assert len(evidence.origin.sha256) == 64


@pytest.mark.parametrize("form", FORMS)
def test_what_was_asked_and_is_not_listed_is_closed_or_filtered_and_of_udp_unknown(read, form):
    evidence = read(form(), asked="22-23,80,443,53/udp")
    first, second = evidence
    assert str(first.closed_filtered) == "22/tcp"
    assert first.unknown == ()
    assert str(second.closed_filtered) == "23/tcp,80/tcp,443/tcp"
    assert [(str(one.ports), one.reason) for one in second.unknown] == [
        ("53/udp", "masscan lists no UDP port that is closed or silent")
    ]
    assert str(evidence.origin.asked) == "22-23/tcp,80/tcp,443/tcp,53/udp"


@pytest.mark.parametrize("form", FORMS)
def test_a_listed_port_that_was_not_asked_contradicts_the_declaration(refused, form):
    refused(form(), " lists 53/udp of 192.0.2.1, which --asked leaves out", UsageError, asked="22-23,80,443")


def test_the_header_may_say_more_than_was_asked_and_never_less(read, refused):
    first, _ = read(as_grepable(ENTRIES[1:3]), asked="22,80")
    assert (first.address, str(first.closed_filtered)) == ("2001:db8::1", "80/tcp")
    refused(as_grepable(), ": masscan was not told to ask 24-25/tcp, which --asked names", UsageError, asked="22-25,80")


def test_the_ports_in_the_header_alone_prove_nothing(read):
    # An interrupted run writes the same header and the same end as one that asked them all.
    first, second = read(as_grepable())
    assert first.closed_filtered == second.closed_filtered == NO_PORTS


@pytest.mark.parametrize(
    "text",
    [
        as_json(between=",\n"),
        as_json(between=",\n", end=",\n{finished: 1}\n]\n"),
        as_json(between=",\n", end=",\n{finished: 1}\n"),
        as_json(between=",", begin="[", end="]"),
        as_json(between=" ,\r\n ", end=" , ]"),
        as_json(ENTRIES[:2]) + as_json(ENTRIES[2:]),
        json.dumps(json.loads(as_json()), indent=4),
        as_json().encode("utf-16"),
        b"\xef\xbb\xbf" + as_json().encode(),
    ],
)
def test_the_lists_of_old_and_new_versions_and_of_other_tools_are_read(read, text):
    evidence = read(text)
    first, second = evidence
    assert (str(first.open), str(second.open)) == ("80/tcp,443/tcp,53/udp", "22/tcp")
    assert evidence.completion.complete


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (as_json(end=""), "the list has no end: masscan was killed"),
        (as_json(end="\n,\n"), "the list has no end: masscan was killed"),
        (as_json(ENTRIES[:2]) + as_json(ENTRIES[2:], end=""), "the list has no end: masscan was killed"),
        (as_json()[:-30], "the file breaks off in line 10"),
        (as_json_lines() + '{"ip":"192', "the file breaks off in line 6"),
        (as_list(end=""), "no end mark: masscan was killed"),
        (as_list(end="open tcp 99 192.0.2.1 17953"), "the file breaks off in line 7"),
        (as_list() + as_list(end=""), "no end mark: masscan was killed"),
        (as_grepable(end=""), "no end mark: masscan was killed"),
        (as_grepable(end="Timestamp: 1795380666\tHost: 192.0.2.1 ()\tPor"), "the file breaks off in line 8"),
        (as_xml(end=""), "the file breaks off in line 10"),
        (as_xml(end="</nmaprun>"), "no end mark (<finished>): masscan was interrupted"),
    ],
)
def test_a_file_that_breaks_off_is_incomplete_and_tells_what_it_says(read, text, reason):
    evidence = read(text, asked="22-23,80,443,53/udp")
    assert [str(seen.open) for seen in evidence][1] == "22/tcp"
    assert (evidence.completion.complete, evidence.completion.reason) == (False, reason)


@pytest.mark.parametrize("form", FORMS)
def test_wherever_it_breaks_off_nothing_is_made_up(tmp_path, form):
    whole = form()
    path = tmp_path / "masscan"
    for cut in range(1, len(whole.rstrip()) - 1):
        path.write_text(whole[:cut])
        try:
            evidence = open_evidence(str(path), asked=PortSet.parse("22-23,80,443,53/udp"))
            hosts = list(evidence)
        except EvidenceError:
            continue
        for seen in hosts:
            assert seen.open <= PortSet.parse("80,443,53/udp" if seen.address == "192.0.2.1" else "22")
        ended = form is as_json_lines or "# Masscan done" in whole[:cut]
        assert ended or not evidence.completion.complete, whole[:cut]


@pytest.mark.parametrize(
    ("cut", "opened"),
    [
        ('"status": "open", "rea', "443/tcp"),
        ('"status": "open",', "443/tcp"),
        ('"status": "open"', ""),
        ('"status": "op', ""),
        ('"status": ', ""),
        ('"service": {"name": "ssl", "banner": "TLS/1.2, [', "443/tcp"),
    ],
)
def test_an_entry_that_is_cut_off_is_open_only_where_it_says_so_to_its_end(read, cut, opened):
    text = '[\n{"ip": "192.0.2.1", "timestamp": "1795380666", "ports": [{"port": 443, "proto": "tcp", ' + cut
    evidence = read(text)
    assert [str(seen.open) for seen in evidence] == ([opened] if opened else [])
    assert evidence.completion.reason == "the file breaks off in line 2"


@pytest.mark.parametrize("empty", ["", "\n"])
def test_the_empty_file_that_masscan_writes_when_it_found_nothing_is_no_evidence(read, empty):
    with pytest.raises(EvidenceError, match="the file is empty"):
        read(empty)


def test_lists_without_an_entry(read):
    with pytest.raises(EvidenceError, match="an empty list, and does not say who found nothing"):
        read("[\n]\n")
    for nothing in ("[\n{finished: 1}\n]\n", "{finished: 1}\n", "#masscan\n# end\n", as_grepable(())):
        evidence = read(nothing, asked="22,80")
        assert list(evidence) == []
        assert evidence.completion.complete


def test_banners_are_services_that_were_spoken_to(read):
    def banner(port, name, text):
        service = {"name": name, "banner": text}
        return {
            "ip": "192.0.2.1",
            "timestamp": str(STAMP),
            "ports": [{"port": port, "proto": "tcp", "service": service}],
        }

    entries = [
        banner(22, "ssh", "SSH-2.0-OpenSSH_9.2"),
        banner(80, "title", "Welcome"),
        banner(443, "X509", "MII"),
        banner(443, "http", "HTTP/1.1 200 OK"),
        banner(8443, "ssl", "TLS/1.2"),
        banner(9, "unknown", "?"),
    ]
    [seen] = read(json.dumps(entries))
    told = {service.port.number: (service.service, service.tls) for service in seen.services}
    assert told == {22: ("ssh", False), 80: ("http", False), 443: ("http", True), 8443: ("ssl", True)}
    assert {service.method for service in seen.services} == {"probed"}
    assert str(seen.open) == "9/tcp,22/tcp,80/tcp,443/tcp,8443/tcp"
    lines = [
        {"ip": "192.0.2.1", "timestamp": str(STAMP), "port": 22, "proto": "tcp", "rec_type": "banner", "data": data}
        for data in ({"service_name": "ssh", "banner": "SSH-2.0"},)
    ]
    for text in (
        "\n".join(map(json.dumps, lines)),
        f"#masscan\nbanner tcp 22 192.0.2.1 {STAMP} ssh SSH-2.0-OpenSSH_9.2 open tcp 23\n# end\n",
        GREPABLE_HEAD + f"Timestamp: {STAMP}\tHost: 192.0.2.1 ()\tPort: 22\tService: ssh\tBanner: SSH-2.0\n",
        as_xml(ENTRIES[1:2]).replace("</port>", '<service name="ssh" banner="SSH-2.0"></service></port>'),
    ):
        [seen] = read(text)
        [service] = seen.services
        assert (str(seen.open), service.service, service.method) == ("22/tcp", "ssh", "probed")


@pytest.mark.parametrize("form", [as_json, as_json_lines, as_list, as_grepable])
def test_the_answer_to_a_ping_is_life_and_no_port(read, form):
    [seen] = read(form([("192.0.2.1", STAMP, 0, "icmp", "open")]))
    assert (seen.open, seen.asked, seen.alive) == (NO_PORTS, NO_PORTS, True)
    [other] = read(form([("192.0.2.1", STAMP, 22, "sctp", "open")]))
    assert (other.asked, other.alive) == (NO_PORTS, None)
    assert other.notes == ("SCTP was scanned too, and is not judged",)


def test_an_entry_without_a_time_leaves_the_host_undated(read):
    entries = json.loads(as_json())
    del entries[2]["timestamp"]
    evidence = read(json.dumps(entries))
    first, second = evidence
    assert first.started is None
    assert second.started is not None
    assert evidence.origin.started is None


def test_the_oldest_entry_of_a_host_dates_it(read):
    old = ("192.0.2.1", 1500000000, 22, "tcp", "open")
    [seen] = read(as_list([("192.0.2.1", STAMP, 80, "tcp", "open")]) + as_list([old]))
    assert seen.started.timestamp() == 1500000000


def test_a_port_that_is_open_once_is_open(read):
    entries = [("192.0.2.1", STAMP, 80, "tcp", status) for status in ("closed", "open", "closed")]
    [seen] = read(as_json(entries))
    assert (str(seen.open), seen.closed) == ("80/tcp", NO_PORTS)


def test_a_status_that_masscan_does_not_know_settles_nothing(read):
    [seen] = read(as_list([("192.0.2.1", STAMP, 80, "tcp", "ajar")]))
    assert [(str(one.ports), one.reason) for one in seen.unknown] == [
        ("80/tcp", "masscan calls them neither open nor closed")
    ]
    assert seen.alive is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            as_json().replace("192.0.2.1", "300.0.2.1"),
            ":2: not an entry of masscan's: '300.0.2.1' is not an IP address",
        ),
        (as_json().replace("443", "70443"), ":2: not an entry of masscan's: not a port: '70443'"),
        (as_json().replace("443", "true"), ":2: not an entry of masscan's: not a port: '?'"),
        (as_json().replace('"ports": [', '"ports": ["x", '), ":2: not an entry of masscan's: a port is not an object"),
        (as_json().replace('"status": "open"', '"status": 1'), ":2: not an entry of masscan's: it names no status"),
        (as_json().replace('"proto": "tcp"', '"proto": []'), ":2: not an entry of masscan's: it names no protocol"),
        (as_json(between="\n;\n"), ":3: neither a JSON object nor a list of them: "),
        (as_json(between="\n,{'x': 1},\n"), ":3: not JSON: Expecting property name enclosed in double quotes"),
        (as_list().replace("open tcp 80", "open tcp eighty"), ":4: not an entry of masscan's: 'open tcp eighty "),
        (as_list().replace("tcp 80 ", "tcp 99999 "), ":4: not an entry of masscan's: not a port: '99999'"),
        (as_grepable().replace("Ports: 80", "Ports: x"), ":5: not an entry of masscan's: "),
        (as_grepable().replace("TCP(4;", "TCP(5;"), ":2: 5 ports are said to be listed, and 4 are"),
        (as_grepable().replace("443-443", "443-99999999"), ":2: not a list of ports: "),
        (as_xml().replace('"192.0.2.1"', '"x"', 1), ":5:"),
    ],
)
def test_what_masscan_does_not_write_is_refused_with_file_and_line(read, tmp_path, text, says):
    with pytest.raises(EvidenceError) as caught:
        list(read(text, asked="22-23,80,443,53/udp"))
    assert str(caught.value).startswith(f"{tmp_path}/masscan{says}")


def test_a_key_that_is_there_twice_is_refused(read):
    text = as_json().replace('"proto": "tcp"', '"proto": "tcp", "port": 1', 1)
    with pytest.raises(EvidenceError, match=":2: the key 'port' is here twice in one object"):
        list(read(text))


def test_a_line_or_an_entry_without_end_is_refused_before_it_fills_the_memory(read):
    with pytest.raises(EvidenceError, match="a line of more than"):
        list(read("#masscan\n" + "x" * 3_000_000))
    with pytest.raises(EvidenceError, match="an entry of more than"):
        list(read(as_json(end=',{"ip": "' + "x" * 3_000_000)))


def test_nesting_without_end_is_refused(read):
    with pytest.raises(EvidenceError, match=r"nested too deeply|breaks off|not JSON"):
        list(read(as_json(end=',{"ip":' + '{"a":' * 100_000 + "1" + "}" * 100_001)))


def test_the_ports_of_a_host_spread_over_a_long_file_come_together(read):
    numbers = list(range(1, 20_000, 2))
    lines = [(f"192.0.2.{number % 7}", STAMP, number, "tcp", "open") for number in numbers]
    hosts = list(read(as_list(lines), asked="1-65535"))
    assert len(hosts) == 7
    assert sum(len(seen.open) for seen in hosts) == len(numbers)
    for seen in hosts:
        assert len(seen.open) + len(seen.closed_filtered) == 65535


def test_more_addresses_than_are_held_are_told_in_parts(read, monkeypatch):
    monkeypatch.setattr("auditor.collect.imported.sightings._MOST", 3)
    lines = [(f"192.0.2.{number % 5}", STAMP, number + 1, "tcp", "open") for number in range(20)]
    hosts = list(read(as_list(lines)))
    found = PortSet()
    for seen in hosts:
        found |= seen.open
    assert str(found) == "1-20/tcp"
    assert len(hosts) > 5
