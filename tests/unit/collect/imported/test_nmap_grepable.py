"""nmap's grepable output: read by the same rules as its XML, as far as it goes."""

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.ports import NO_PORTS, PortSet, Protocol

BEGIN = "# Nmap 7.93 scan initiated Sun Nov 22 20:54:08 2026 as: nmap -n -sT -p 22-25 -oG scan.gnmap 192.0.2.1\n"
SCANNED = "# Ports scanned: TCP(4;22-25) UDP(1;53) SCTP(0;) PROTOCOLS(0;)\n"
DONE = "# Nmap done at Sun Nov 22 20:54:09 2026 -- 1 IP address (1 host up) scanned in 1.23 seconds\n"


def host(*ports, address="192.0.2.1", name="", status="Up", rest=""):
    lines = [f"Host: {address} ({name})\tStatus: {status}\n"]
    if ports or rest:
        lines.append(f"Host: {address} ({name})\tPorts: {', '.join(ports)}{rest}\n")
    return "".join(lines)


def port(number, state="open", protocol="tcp", service="ssh", version=""):
    return f"{number}/{state}/{protocol}//{service}//{version}/"


@pytest.fixture
def read(tmp_path):
    def reading(*parts, asked=None):
        path = tmp_path / "scan.gnmap"
        path.write_text("".join(parts), "utf-8")
        return open_evidence(str(path), asked=None if asked is None else PortSet.parse(asked))

    return reading


@pytest.fixture
def only(read):
    def reading(*parts, **more):
        [seen] = read(BEGIN, *parts, DONE, **more)
        return seen

    return reading


def reasons(seen):
    return {one.reason: str(one.ports) for one in seen.unknown}


def test_each_state_goes_into_its_own_set(read):
    entries = [
        port(22),
        port(23, "closed"),
        port(24, "filtered"),
        port(53, "open|filtered", "udp"),
        port(25, "unfiltered"),
    ]
    evidence = read(BEGIN, host(*entries, name="web.example"), DONE)
    [seen] = evidence
    assert (seen.address, seen.host, seen.names, seen.alive) == ("192.0.2.1", None, ("web.example",), True)
    assert (str(seen.open), str(seen.closed), str(seen.filtered)) == ("22/tcp", "23/tcp", "24/tcp")
    assert str(seen.open_filtered) == "53/udp"
    assert reasons(seen) == {"unfiltered: an ACK scan cannot tell open from closed": "25/tcp"}
    assert evidence.completion.complete
    assert (evidence.origin.tool, evidence.origin.asked) == ("nmap 7.93", None)


def test_a_service_was_spoken_to_only_where_a_version_stands(only):
    told = [
        port(22, version="OpenSSH 9.2p1 Debian 2+deb12u2 (protocol 2.0)"),
        port(23, service="telnet"),
        port(24, service="ssl|http", version="Apache httpd 2.4 (Debian), mod_ssl"),
        port(25, service="smtp?", version="x"),
    ]
    seen = only(host(*told))
    assert {(one.port.number, one.service, one.tls, one.method) for one in seen.services} == {
        (22, "ssh", False, "probed"),
        (23, "telnet", False, "table"),
        (24, "http", True, "probed"),
        (25, "smtp?", False, "table"),
    }


def test_without_the_ports_scanned_what_is_not_listed_was_not_seen(only):
    seen = only(host(port(22), rest="\tIgnored State: closed (3)"))
    assert seen.asked == PortSet.parse("22")
    assert not seen.unknown


@pytest.mark.parametrize(("head", "asked"), [(SCANNED, None), (SCANNED, "22-25,53/udp"), ("", "22-25,53/udp")])
def test_what_is_summed_up_is_named_once_it_is_known_what_was_asked(only, head, asked):
    seen = only(head, host(port(22), port(53, "open|filtered", "udp"), rest="\tIgnored State: closed (3)"), asked=asked)
    assert str(seen.closed) == "23-25/tcp"
    assert seen.asked == PortSet.parse("22-25,53/udp")
    assert not seen.unknown


def test_a_sum_that_does_not_add_up_is_unknown(only):
    seen = only(SCANNED, host(port(22), rest="\tIgnored State: closed (2)"))
    assert reasons(seen) == {"nmap does not say which ports it found in which state": "23-25/tcp,53/udp"}


def test_a_declaration_that_contradicts_the_file_is_a_usage_error(read):
    with pytest.raises(
        UsageError, match=r"scan.gnmap says itself what was asked \(22-25/tcp,53/udp\): leave out --asked"
    ):
        read(BEGIN, SCANNED, host(port(22)), DONE, asked="22-26")
    with pytest.raises(UsageError, match=r"scan.gnmap lists 22/tcp of 192.0.2.1, which --asked leaves out"):
        list(read(BEGIN, host(port(22)), DONE, asked="23-26"))
    with pytest.raises(UsageError, match=":5: the file says itself what was asked"):
        list(read(BEGIN, host(), DONE, BEGIN, SCANNED, asked="22"))


def test_a_host_that_is_down_or_was_given_up_on(only):
    assert only(host(status="Down")).alive is False
    seen = only(SCANNED, host(status="Timeout"))
    assert reasons(seen) == {"nmap gave up on the host when its time was over": "22-25/tcp,53/udp"}
    assert seen.alive is None


def test_up_alone_is_no_answer_as_it_may_have_been_assumed(only):
    seen = only(SCANNED, host(rest="\tIgnored State: filtered (5)"))
    assert seen.alive is False
    assert reasons(seen) == {"no answer": "22-25/tcp,53/udp"}
    assert only(SCANNED, host(port(22, "closed"), rest="\tIgnored State: filtered (4)")).alive is True


def test_the_local_time_of_a_run_counts_as_early_as_it_can_be(only):
    assert only(host(port(22))).started.isoformat() == "2026-11-22T06:54:08+00:00"


def test_a_run_without_a_time_is_undated(read):
    [seen] = read(host(port(22)), DONE)
    assert seen.started is None


def test_other_protocols_are_noted_and_not_judged(only):
    seen = only(host(port(22), port(22, "closed", "sctp")))
    assert seen.notes == ("SCTP was scanned too, and is not judged",)
    assert str(seen.asked) == "22/tcp"


@pytest.mark.parametrize("end", ["", "# Nmap"])
def test_a_run_without_its_end_is_incomplete(read, end):
    evidence = read(BEGIN, host(port(22)), end)
    assert [str(seen.open) for seen in evidence] == ["22/tcp"]
    reason = "the file breaks off in line 4" if end else "no end mark (# Nmap done): nmap was interrupted"
    assert (evidence.completion.complete, evidence.completion.reason) == (False, reason)


def test_several_runs_in_one_file_are_each_what_they_are(read):
    later = BEGIN.replace("Nov 22", "Nov 23")
    evidence = read(
        BEGIN, SCANNED, host(port(22), rest="\tIgnored State: closed (4)"), DONE, later, host(port(80)), DONE
    )
    first, second = evidence
    assert (str(first.closed), str(second.asked)) == ("23-25/tcp,53/udp", "80/tcp")
    assert (first.started.day, second.started.day) == (22, 23)
    assert evidence.completion.complete
    broken = read(BEGIN, host(port(22)), later, host(port(80)), DONE)
    assert len(list(broken)) == 2
    assert broken.completion.reason == "no end mark (# Nmap done): nmap was interrupted"


def test_wherever_it_breaks_off_nothing_is_made_up(tmp_path):
    whole = "".join((BEGIN, SCANNED, host(port(22), port(25, "closed"), rest="\tIgnored State: filtered (3)"), DONE))
    path = tmp_path / "scan.gnmap"
    for cut in range(1, len(whole) - len(DONE)):
        path.write_text(whole[:cut])
        try:
            hosts = list(evidence := open_evidence(str(path)))
        except EvidenceError:
            continue
        assert not evidence.completion.complete
        for seen in hosts:
            assert seen.open.text(Protocol.TCP) in {"", "22"}
            assert seen.closed in {NO_PORTS, PortSet.parse("25")}
            assert seen.asked <= PortSet.parse("22-25,53/udp")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((host(port(22)), "hello\n"), ":4: not a line of nmap's: 'hello'"),
        ((host(port(22), address="300.0.0.1"),), ":2: not a line of nmap's: "),
        ((host(port(70000)),), ":3: not a port: '70000'"),
        ((host("22/open/tcp"),), ":3: not a list of nmap's ports: '22/open/tcp'"),
        ((host(port(22), "?"),), ":3: not a list of nmap's ports: '?'"),
        ((SCANNED.replace("TCP(4", "TCP(3"), host(port(22))), ":2: 3 ports are said to be listed, and 4 are"),
        ((SCANNED.replace("22-25", "25-22"), host(port(22))), ":2: not a list of ports: not a range of ports: 25-22"),
    ],
)
def test_what_nmap_does_not_write_is_refused_with_file_and_line(read, tmp_path, parts, says):
    with pytest.raises(EvidenceError) as caught:
        list(read(BEGIN, *parts, DONE))
    assert str(caught.value).startswith(f"{tmp_path}/scan.gnmap{says}")


def test_nmaps_output_for_people_is_not_taken_for_it(read):
    with pytest.raises(EvidenceError, match="it is nmap's output for people: use -oX"):
        read(BEGIN, "Nmap scan report for 192.0.2.1\nHost is up.\nPORT STATE SERVICE\n22/tcp open ssh\n", DONE)
