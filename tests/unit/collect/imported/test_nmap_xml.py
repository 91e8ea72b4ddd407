import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.imported import nmap_reading
from auditor.collect.imported.nmap_xml import NmapXml
from auditor.errors import EvidenceError
from auditor.model.evidence import NO_ANSWER, Kind, ServiceSeen
from auditor.model.ports import NO_PORTS, Port, PortSet

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE nmaprun>\n'
    '<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>\n'
    '<nmaprun scanner="nmap" args="nmap" start="1795380639" version="7.93" xmloutputversion="1.05">\n'
)
SCANINFO = '<scaninfo type="syn" protocol="tcp" numservices="1000" services="1-1000"/>\n'
TAIL = '<runstats><finished time="1795380640" exit="success"/><hosts up="1" down="0" total="1"/></runstats>\n</nmaprun>'
ADDRESS = '<address addr="192.0.2.1" addrtype="ipv4"/>'
UP = '<status state="up" reason="arp-response"/>' + ADDRESS
ASSUMED = '<status state="up" reason="user-set"/>' + ADDRESS


def port(number, state="open", reason="syn-ack", inside="", protocol="tcp"):
    return f'<port protocol="{protocol}" portid="{number}"><state state="{state}" reason="{reason}"/>{inside}</port>'


def extra(state, count, reason=None, attributes=""):
    reasons = f'<extrareasons reason="{reason}" count="{count}" {attributes}/>' if reason else ""
    return f'<extraports state="{state}" count="{count}">{reasons}</extraports>'


def host(*ports, about=UP, attributes=""):
    return f"<host {attributes}>{about}<ports>{''.join(ports)}</ports></host>\n"


@pytest.fixture
def read(tmp_path):
    def reading(*hosts, head=HEAD, scaninfo=SCANINFO, tail=TAIL):
        path = tmp_path / "nmap.xml"
        path.write_text(head + scaninfo + "".join(hosts) + tail, "utf-8")
        return NmapXml(path)

    return reading


@pytest.fixture
def only(read):
    def reading(*hosts, **parts):
        [seen] = read(*hosts, **parts)
        return seen

    return reading


def reasons(seen):
    return {unknown.reason: unknown.ports for unknown in seen.unknown}


def test_the_run_says_who_looked_when_and_at_what(read):
    evidence = read()
    assert evidence.origin.kind is Kind.PROBE
    assert evidence.origin.tool == "nmap 7.93"
    assert evidence.origin.started == datetime(2026, 11, 22, 20, 50, 39, tzinfo=UTC)
    assert evidence.origin.asked == PortSet.parse("1-1000")
    assert list(evidence) == []
    assert evidence.completion.complete
    assert evidence.completion.finished == datetime(2026, 11, 22, 20, 50, 40, tzinfo=UTC)


def test_the_vantage_is_what_the_caller_says(tmp_path):
    (tmp_path / "f").write_text(HEAD + TAIL)
    assert NmapXml(tmp_path / "f", "office").origin.vantage == "office"


def test_the_digest_is_of_the_whole_file(read, tmp_path):
    evidence = read(host(port(22)))
    assert evidence.origin.sha256 is None
    list(evidence)
    assert evidence.origin.sha256 == hashlib.sha256((tmp_path / "nmap.xml").read_bytes()).hexdigest()


def test_each_state_goes_into_its_own_set(only):
    seen = only(
        host(
            port(22),
            port(23, "closed", "reset"),
            port(24, "filtered", "no-response"),
            port(53, "open|filtered", "no-response", protocol="udp"),
        ),
        scaninfo='<scaninfo protocol="tcp" services="22-24"/><scaninfo protocol="udp" services="53"/>',
    )
    assert (seen.open, seen.closed, seen.filtered, seen.open_filtered) == tuple(
        map(PortSet.parse, ("22", "23", "24", "53/udp"))
    )
    assert seen.asked == PortSet.parse("22-24,53/udp")
    assert seen.unknown == ()
    assert seen.alive is True


def test_summed_up_ports_that_are_named_are_taken_by_name(only):
    seen = only(
        host(
            '<extraports state="closed" count="4">'
            '<extrareasons reason="reset" count="3" proto="tcp" ports="1-2,9"/>'
            '<extrareasons reason="port-unreach" count="1" proto="udp" ports="67"/></extraports>',
            extra("filtered", 1, "no-response", 'proto="tcp" ports="3"'),
            port(22),
        ),
        scaninfo='<scaninfo protocol="tcp" services="1-3,9,22"/><scaninfo protocol="udp" services="67"/>',
    )
    assert seen.closed == PortSet.parse("1-2,9,67/udp")
    assert seen.filtered == PortSet.parse("3")
    assert seen.unknown == ()


def test_one_unnamed_sum_is_everything_that_was_asked_and_not_listed(only):
    seen = only(host(extra("closed", 998, "resets"), port(22), port(80)))
    assert seen.closed == PortSet.parse("1-1000") - PortSet.parse("22,80")
    assert seen.unknown == ()


def test_an_unnamed_sum_spans_both_protocols_where_the_count_agrees(only):
    seen = only(
        host(extra("closed", 4)),
        scaninfo='<scaninfo protocol="tcp" services="1-3"/><scaninfo protocol="udp" services="53"/>',
    )
    assert seen.closed == PortSet.parse("1-3,53/udp")


def test_an_unnamed_sum_that_does_not_add_up_is_unknown(only):
    seen = only(host(extra("closed", 997, "resets"), port(22), port(80)))
    assert seen.closed == NO_PORTS
    assert reasons(seen) == {
        "nmap does not say which ports it found in which state": PortSet.parse("1-1000") - PortSet.parse("22,80")
    }


def test_two_unnamed_sums_are_unknown_as_nobody_can_tell_them_apart(only):
    seen = only(host(extra("closed", 500, "resets"), extra("filtered", 499, "no-responses"), port(22)))
    assert reasons(seen) == {
        "nmap does not say which of these ports are closed and which filtered": PortSet.parse("1-1000")
        - PortSet.parse("22")
    }


def test_one_named_and_one_unnamed_sum_leave_only_one_reading(only):
    named = extra("filtered", 10, "no-response", 'proto="tcp" ports="1-10"')
    seen = only(host(named, extra("closed", 990, "resets")))
    assert seen.filtered == PortSet.parse("1-10")
    assert seen.closed == PortSet.parse("11-1000")


def test_asked_ports_that_are_never_mentioned_are_unknown(only):
    seen = only(host(port(22)))
    assert reasons(seen) == {
        "nmap does not say which ports it found in which state": PortSet.parse("1-1000") - PortSet.parse("22")
    }


def test_ports_listed_without_having_been_asked_count_as_asked(only):
    seen = only(host(port(22)), scaninfo="")
    assert seen.asked == seen.open == PortSet.parse("22")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("unfiltered", "unfiltered: an ACK scan cannot tell open from closed"),
        ("ajar", "nmap calls them ajar"),
    ],
)
def test_states_that_settle_nothing_are_unknown(only, state, reason):
    seen = only(host(port(22, state, "reset")), scaninfo='<scaninfo protocol="tcp" services="22"/>')
    assert reasons(seen) == {reason: PortSet.parse("22")}
    assert seen.alive is True


def test_what_an_idle_scan_finds_is_not_open_and_proves_no_life(only):
    seen = only(host(port(22), port(23, "closed|filtered", "no-ipid-change")), scaninfo="")
    assert seen.closed_filtered == PortSet.parse("23")
    assert not seen.unknown
    silent = only(host(port(23, "closed|filtered", "no-ipid-change"), about=ASSUMED), scaninfo="")
    assert (silent.closed_filtered, silent.alive) == (NO_PORTS, False)


def test_a_port_without_a_state_is_unknown(only):
    seen = only(host('<port protocol="tcp" portid="22"/>'), scaninfo="")
    assert reasons(seen) == {"nmap names no state": PortSet.parse("22")}


def test_a_port_in_two_states_is_open_if_it_is_open_in_one_and_unknown_if_not(only):
    twice = [port(22), port(22, "closed", "reset"), port(23, "closed", "reset"), port(23, "filtered", "no-response")]
    seen = only(host(*twice), scaninfo="")
    assert seen.open == PortSet.parse("22")
    assert seen.closed == seen.filtered == NO_PORTS
    assert reasons(seen) == {"nmap lists them in two states": PortSet.parse("23")}


def test_a_listed_port_outweighs_the_sum_that_names_it_too(only):
    seen = only(host(extra("closed", 2, "reset", 'proto="tcp" ports="22-23"'), port(22)), scaninfo="")
    assert (seen.open, seen.closed) == (PortSet.parse("22"), PortSet.parse("23"))


def test_a_host_that_is_down_answers_nothing(only):
    down = f'<host><status state="down" reason="no-response"/>{ADDRESS}</host>'
    seen = only(down)
    assert seen.alive is False
    assert reasons(seen) == {NO_ANSWER: PortSet.parse("1-1000")}


@pytest.mark.parametrize(
    "ports",
    [
        extra("filtered", 1000, "no-responses"),
        extra("filtered", 1000, "no-response", 'proto="tcp" ports="1-1000"'),
        extra("filtered", 1000, "host-unreaches"),
        extra("filtered", 1000),
        extra("filtered", 999, "no-responses") + port(22, "filtered", "no-response"),
        extra("open|filtered", 1000, "no-responses"),
    ],
)
def test_a_host_only_assumed_to_be_up_that_kept_silent_is_no_answer(only, ports):
    seen = only(host(ports, about=ASSUMED))
    assert seen.alive is False
    assert seen.seen == NO_PORTS
    assert reasons(seen) == {NO_ANSWER: PortSet.parse("1-1000")}


@pytest.mark.parametrize(
    "sign",
    [port(22), port(22, "closed", "reset"), port(22, "filtered", "port-unreach"), port(22, "unfiltered", "reset")],
)
def test_one_answer_is_enough_to_believe_the_silence_of_the_rest(only, sign):
    seen = only(host(extra("filtered", 999, "no-responses"), sign, about=ASSUMED))
    assert seen.alive is True
    assert len(seen.filtered) >= 999


ROUTED = '<port protocol="tcp" portid="22"><state state="filtered" reason="{}" reason_ip="192.0.2.254"/></port>'


@pytest.mark.parametrize(
    "sign",
    [
        *(port(22, "filtered", f"{who}-prohibited") for who in ("admin", "host", "net")),
        *(port(22, "filtered", f"{what}-unreach") for what in ("host", "net", "dest", "proto")),
        port(22, "filtered", "time-exceeded"),
        ROUTED.format("port-unreach"),
        ROUTED.format("admin-prohibited"),
        extra("filtered", 1, "admin-prohibiteds", 'proto="tcp" ports="22"'),
        extra("filtered", 1, "port-unreaches", 'proto="tcp" ports="22"'),
    ],
)
def test_what_a_router_may_have_said_in_the_hosts_stead_does_not_make_it_alive(only, sign):
    seen = only(host(extra("filtered", 999, "no-responses"), sign, about=ASSUMED))
    assert seen.alive is False
    assert seen.seen == NO_PORTS
    assert reasons(seen) == {NO_ANSWER: PortSet.parse("1-1000")}


def test_a_ping_that_a_router_refused_does_not_make_the_host_alive(only):
    about = ASSUMED.replace("user-set", "admin-prohibited")
    seen = only(host(extra("filtered", 1000, "no-responses"), about=about))
    assert (seen.alive, seen.seen) == (False, NO_PORTS)


def test_a_host_that_answered_a_ping_may_filter_every_port(only):
    seen = only(host(extra("filtered", 1000, "no-responses")))
    assert seen.alive is True
    assert seen.filtered == PortSet.parse("1-1000")


def test_a_host_that_nmap_gave_up_on_is_unknown(only):
    seen = only(host(port(22), attributes='timedout="true"'))
    assert seen.open == PortSet.parse("22")
    assert reasons(seen) == {
        "nmap gave up on the host when its time was over": PortSet.parse("1-1000") - PortSet.parse("22")
    }


def test_a_skipped_host_is_unknown(only):
    seen = only(f'<host><status state="skipped" reason=""/>{ADDRESS}</host>')
    assert seen.alive is None
    assert reasons(seen) == {"nmap skipped the host": PortSet.parse("1-1000")}


def test_a_ping_scan_asks_no_ports(read):
    evidence = read(f"<host>{UP}<hostnames/></host>", scaninfo="")
    [seen] = evidence
    assert seen.alive is True
    assert seen.asked == NO_PORTS
    assert seen.unknown == ()
    assert evidence.origin.asked is None


def test_the_first_address_was_scanned_and_names_are_kept_apart_by_who_gave_them(only):
    about = (
        '<status state="up" reason="echo-reply"/><address addr="02:00:00:00:00:0A" addrtype="mac"/>'
        f'{ADDRESS}<address addr="2001:DB8::1" addrtype="ipv6"/><hostnames>'
        '<hostname name="ptr.example.org" type="PTR"/><hostname name="web-1" type="user"/>'
        '<hostname name="192.0.2.1" type="user"/><hostname name="www" type="user"/></hostnames>'
    )
    seen = only(host(port(22), about=about))
    assert seen.host == "web-1"
    assert seen.address == "192.0.2.1"
    assert seen.names == ("www", "ptr.example.org", "2001:db8::1")


def test_a_name_from_reverse_dns_alone_is_not_the_hosts_name(only):
    about = UP + '<hostnames><hostname name="db.internal" type="PTR"/></hostnames>'
    seen = only(host(port(22), about=about))
    assert seen.host is None
    assert seen.names == ("db.internal",)


def test_a_host_without_address_or_name_is_passed_over(read):
    assert list(read(host(port(22), about='<status state="up" reason="arp-response"/>'))) == []


def test_hints_before_the_hosts_are_no_hosts(read):
    hint = f"<hosthint>{UP}<hostnames/></hosthint>"
    assert len(list(read(hint, host(port(22))))) == 1


def test_services_are_told_with_how_nmap_knows_them(only):
    probed = '<service name="http" product="nginx" version="1.22" tunnel="ssl" method="probed" conf="10"/>'
    table = '<service name="ssh" method="table" conf="3"/>'
    nothing = '<service name="tcpwrapped" method="probed" conf="8"/>'
    seen = only(host(port(443, inside=probed), port(22, inside=table), port(99, inside=nothing)))
    assert seen.services == (
        ServiceSeen(port=Port.parse("22"), service="ssh", method="table"),
        ServiceSeen(port=Port.parse("443"), service="http", product="nginx", version="1.22", tls=True),
    )


def test_there_is_no_service_at_a_port_that_is_not_open(only):
    assert only(host(port(22, "closed", "reset", '<service name="ssh" method="table"/>'))).services == ()


def test_other_protocols_are_noted_and_not_judged(only):
    seen = only(
        host(extra("closed", 2, "resets", 'proto="sctp"'), port(6, protocol="ip"), port(22)),
        scaninfo='<scaninfo protocol="ip" services="6"/><scaninfo protocol="tcp" services="22"/>',
    )
    assert seen.asked == seen.open == PortSet.parse("22")
    assert seen.notes == ("IP was scanned too, and is not judged", "SCTP was scanned too, and is not judged")


def test_the_times_of_a_host_are_told(only):
    seen = only(host(port(22), attributes='starttime="1795380639" endtime="1795380640"'))
    assert seen.started == datetime(2026, 11, 22, 20, 50, 39, tzinfo=UTC)
    assert seen.finished == datetime(2026, 11, 22, 20, 50, 40, tzinfo=UTC)


@pytest.mark.parametrize("time", ["", "soon", "-5", "99999999999999999999", "1e9", "0"])
def test_a_time_that_is_none_is_not_told(only, time):
    assert only(host(port(22), attributes=f'starttime="{time}"')).started is None


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("", "the file breaks off in line 7"),
        ("<runst", "the file breaks off in line 7"),
        ("</nmaprun>", "no end mark (<finished>): nmap was interrupted"),
        (
            '<runstats><finished time="1" exit="error" errormsg="out of memory"/></runstats></nmaprun>',
            "nmap ended with an error: out of memory",
        ),
    ],
)
def test_a_run_that_did_not_end_well_is_incomplete_and_keeps_its_hosts(read, tail, reason):
    evidence = read(host(port(22)), tail=tail)
    assert len(list(evidence)) == 1
    assert not evidence.completion.complete
    assert evidence.completion.reason == reason


def test_a_run_killed_before_its_first_host_is_incomplete_and_empty(read):
    evidence = read(tail="")
    assert evidence.origin.asked == PortSet.parse("1-1000")
    assert list(evidence) == []
    assert evidence.completion.reason == "the file breaks off in line 6"


def test_an_end_mark_of_an_old_nmap_without_exit_will_do(read):
    evidence = read(tail='<runstats><finished time="1201481569" timestr="…"/></runstats></nmaprun>')
    list(evidence)
    assert evidence.completion.complete


def test_a_file_that_breaks_off_inside_a_host_tells_what_it_said_of_it(read):
    evidence = read(host(port(22), port(23, "closed", "reset"), extra("filtered", 998))[:-40], tail="")
    [seen] = evidence
    assert seen.open == PortSet.parse("22")
    assert reasons(seen) == {"the file breaks off inside this host": PortSet.parse("1-1000") - PortSet.parse("22-23")}
    assert not evidence.completion.complete


@pytest.mark.parametrize("cut", range(1, 700, 7))
def test_wherever_a_file_breaks_off_nothing_is_made_up(tmp_path, cut):
    whole = HEAD + SCANINFO + host(extra("closed", 998, "resets"), port(22), port(80)) + TAIL
    path = tmp_path / "cut.xml"
    path.write_text(whole[:-cut])
    try:
        evidence = NmapXml(path)
        hosts = list(evidence)
    except EvidenceError as error:
        assert "ends before its first element" in str(error)  # noqa: PT017 - either will do
        return
    assert not evidence.completion.complete
    for seen in hosts:
        assert seen.open <= PortSet.parse("22,80")
        assert seen.closed <= PortSet.parse("1-1000") - PortSet.parse("22,80")


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE nmaprun [\n<!ENTITY a "ha">\n'
    + "".join(f'<!ENTITY {one} "{f"&{two};" * 10}">\n' for two, one in zip("abcdefgh", "bcdefghi", strict=True))
    + ']>\n<nmaprun scanner="nmap" args="&i;"></nmaprun>'
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, ":3:12: entity declarations are refused"),
        (
            '<!DOCTYPE nmaprun [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<nmaprun args="&x;"/>',
            ": entity declarations are refused",
        ),
        (
            '<!DOCTYPE nmaprun [<!ENTITY % x SYSTEM "http://192.0.2.1/"> %x;]>\n<nmaprun/>',
            ": entity declarations are refused",
        ),
        ('<!DOCTYPE nmaprun SYSTEM "http://192.0.2.1/nmap.dtd">\n<nmaprun/>', "external references are refused"),
        ("", ": the file is empty"),
        ("   \n \n", ":3:1: not an nmap file"),
        ("<html><body/></html>", ":1:1: not an nmap file: it begins with <html>"),
        ('<nmaprun scanner="masscan"/>', ":1:1: written by masscan, not by nmap"),
        ("not xml at all", ":1:1: syntax error"),
        (HEAD + host(port(22)) + "</host></nmaprun>", ":6:3: mismatched tag"),
        (HEAD + TAIL + "\n" + HEAD + TAIL, ":7:1: more follows the end of the run"),
        (HEAD + host(port(22)) + "\x00", "not well-formed"),
        (HEAD + host(port("70000")) + TAIL, ":5:"),
        (HEAD + host(port("http")) + TAIL, "'http' is not a port"),
        (HEAD + host(port(22), about=UP.replace("192.0.2.1", "web-1")) + TAIL, "'web-1' is not an IP address"),
        (HEAD + '<scaninfo protocol="tcp" services="1-x"/>' + TAIL, "not a list of ports"),
        (HEAD + "<a>" * 300 + TAIL, "elements nested too deeply"),
        ('<?xml version="1.0" encoding="no-such"?><nmaprun/>', ":1:"),
        (HEAD[:30], "not an nmap file"),
    ],
)
def test_what_nmap_does_not_write_is_refused_with_file_line_and_column(tmp_path, text, says):
    path = tmp_path / "bad.xml"
    path.write_text(text, "utf-8")
    with pytest.raises(EvidenceError) as caught:
        list(NmapXml(path))
    assert str(caught.value).startswith(f"{path}:")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_is_refused(tmp_path):
    path = tmp_path / "bad.xml"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(EvidenceError, match=r":1:\d+: "):
        NmapXml(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_other_encodings_with_a_byte_order_mark_are_read(tmp_path, encoding):
    path = tmp_path / "wide.xml"
    path.write_bytes((HEAD.replace('encoding="UTF-8"', "") + SCANINFO + host(port(22)) + TAIL).encode(encoding))
    evidence = NmapXml(path)
    assert [seen.open for seen in evidence] == [PortSet.parse("22")]
    assert evidence.completion.complete


def test_blank_lines_before_the_declaration_do_no_harm_and_count(read):
    assert len(list(read(host(port(22)), head="\n\n" + HEAD))) == 1
    with pytest.raises(EvidenceError, match=r":7:\d+: 'x' is not a port"):
        list(read(host(port("x")), head="\n\n" + HEAD, scaninfo=""))


def test_a_tag_without_end_is_refused_before_it_fills_the_memory(read, monkeypatch):
    monkeypatch.setattr(nmap_reading, "_LONGEST_TAG", 200_000)
    with pytest.raises(EvidenceError, match="a single tag or comment longer than"):
        list(read(f'<script output="{"x" * 1_000_000}"/>'))


def test_a_host_with_more_entries_than_there_are_ports_is_refused(read, monkeypatch):
    monkeypatch.setattr("auditor.collect.imported.nmap_document._MOST_ENTRIES", 100)
    with pytest.raises(EvidenceError, match="more than 100 entries in one host"):
        list(read(host(*(port(22) for _ in range(200)))))


def test_long_texts_are_cut(only):
    inside = f'<service name="http" product="{"x" * 5000}" method="probed"/>'
    [service] = only(host(port(80, inside=inside))).services
    assert len(service.product) == 1000


def test_a_missing_file_is_an_evidence_error(tmp_path):
    with pytest.raises(EvidenceError, match=f"cannot read {tmp_path / 'none'}: No such file or directory"):
        NmapXml(tmp_path / "none")


def test_hosts_come_before_the_file_has_been_read_to_its_end(read):
    evidence = read(*(host(port(22), about=UP + f"<!-- {'x' * 100_000} -->") for _ in range(20)), tail="<garbage")
    reader = iter(evidence)
    assert next(reader).open == PortSet.parse("22")
    reader.close()


STATES = {"open": "syn-ack", "closed": "reset", "filtered": "no-response"}


@st.composite
def found_ports(draw):
    """Which of the asked ports are in which state."""
    asked = draw(st.sets(st.integers(0, 65535), min_size=1, max_size=30))
    return {number: draw(st.sampled_from(sorted(STATES))) for number in asked}


@given(found=found_ports(), summed=st.sampled_from(["", *STATES]), named=st.booleans())
def test_listed_or_summed_up_named_or_not_the_same_ports_come_out(tmp_path_factory, found, summed, named):
    by_state = {state: PortSet.numbers(n for n, at in found.items() if at == state) for state in STATES}
    listed = [port(number, state, STATES[state]) for number, state in found.items() if state != summed]
    ports = str(by_state[summed]).replace("/tcp", "") if summed else ""
    attributes = f'proto="tcp" ports="{ports}"' if named else ""
    sums = [extra(summed, len(by_state[summed]), STATES[summed], attributes)] if ports else []
    services = str(PortSet.numbers(found)).replace("/tcp", "")
    path = tmp_path_factory.mktemp("nmap") / "f.xml"
    path.write_text(HEAD + f'<scaninfo protocol="tcp" services="{services}"/>' + host(*sums, *listed) + TAIL)
    [seen] = NmapXml(path)
    assert {"open": seen.open, "closed": seen.closed, "filtered": seen.filtered} == by_state
    assert seen.unknown == ()


words = st.text("<>/&;=\"' ?!-[]abehmnoprstu0129", max_size=60)


@given(noise=words, at=st.integers(0, 600))
def test_noise_anywhere_ends_in_evidence_or_one_clear_error(tmp_path_factory, noise, at):
    whole = HEAD + SCANINFO + host(extra("closed", 998, "resets"), port(22), port(80)) + TAIL
    path = tmp_path_factory.mktemp("nmap") / "f.xml"
    path.write_text(whole[:at] + noise + whole[at:])
    assert said(path).startswith((f"{path}:", "fine"))


@given(data=st.binary(max_size=300))
def test_any_bytes_end_in_evidence_or_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("nmap") / "f.xml"
    path.write_bytes(b"<nmaprun>" + data)
    assert said(path).startswith((f"{path}:", "fine"))


def said(path):
    try:
        for seen in NmapXml(path):
            accounted = seen.seen
            for unknown in seen.unknown:
                assert accounted.isdisjoint(unknown.ports)
                accounted |= unknown.ports
            assert accounted == seen.asked
    except EvidenceError as error:
        return str(error)
    return "fine"
