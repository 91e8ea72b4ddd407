"""The set algebra against a judge that goes port by port, on small random worlds; and what ignorance may never do."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.evidence import Observation, Unknown
from auditor.model.findings import Status, Verdict
from auditor.model.policy import UdpSilence
from auditor.model.ports import Port, PortSet, Protocol
from tests.unit.findings.worlds import NOW, audit, days_ago, policy_of, probe, socket, table, with_settings

PORTS = [Port(Protocol.TCP, number) for number in range(1, 6)] + [Port(Protocol.UDP, 7)]
ADDRESSES = ("192.0.2.10", "2001:db8::10")
STATES = ("open", "closed", "filtered", "closed_filtered", "open_filtered", "unknown", "not asked")
NAMES = ", ".join(map(str, PORTS))
BASE = f"version: 1\nscan: {{tcp: [1-4], udp: [7]}}\nhosts: {{web-1: [{', '.join(map(repr, ADDRESSES))}]}}\n"

subsets = st.lists(st.sampled_from(PORTS), max_size=3, unique=True)
tables = st.tuples(subsets, subsets, subsets, subsets, subsets, st.booleans())
states = st.fixed_dictionaries({port: st.sampled_from(STATES) for port in PORTS})
pieces = st.fixed_dictionaries(
    {
        "address": st.sampled_from(ADDRESSES),
        "states": states,
        "alive": st.sampled_from([True, True, None, False]),
        "fresh": st.sampled_from([True, True, False]),
        "complete": st.sampled_from([True, True, False]),
    }
)
worlds = st.fixed_dictionaries(
    {
        "rules": tables,
        "dark": st.sampled_from([False, False, True]),
        "silence": st.booleans(),
        "pieces": st.lists(pieces, max_size=4),
        "listening": st.none() | subsets,
    }
)


def policy_for(world):
    allow, require, deny, final, lifted, strict = world["rules"]
    text = BASE
    if world["dark"]:
        text = text.replace("hosts: {web-1: [", "hosts: {web-1: {dark: true, address: [").replace("]}\n", "]}}\n")
        text = text.replace("scan: {tcp: [1-4], udp: [7]}}", "scan: {tcp: [1-4], udp: [7]}")
    text += "rules:\n"
    for name, entry in (("allow", allow), ("require", require), ("deny", deny)):
        if entry:
            text += f"  - {{id: {name}, hosts: [web-1], {name}: [{listing(entry)}]}}\n"
    if final:
        text += f"  - {{id: final, hosts: [web-1], deny: [{listing(final)}], final: true}}\n"
    text += "  - {id: base, hosts: [web-1], deny: [60000]" + (", otherwise: filtered" if strict else "") + "}\n"
    if lifted:
        text += (
            f"exceptions: [{{id: EX, hosts: [web-1], ports: [{listing(lifted)}],"
            " reason: r, owner: o, expires: 2027-01-01}]\n"
        )
    silence = UdpSilence.FILTERED if world["silence"] else UdpSilence.UNVERIFIED
    return with_settings(policy_of(text), udp_silence=silence)


def listing(entry):
    return ", ".join(map(str, entry))


def evidence_of(piece):
    def having(state):
        return PortSet.of(*(port for port, found in piece["states"].items() if found == state))

    unknown = having("unknown")
    observation = Observation(
        address=piece["address"],
        alive=piece["alive"],
        unknown=(Unknown(ports=unknown, reason="lost"),) if unknown else (),
        **{state: having(state) for state in STATES[:5]},
    )
    return probe(observation, started=NOW if piece["fresh"] else days_ago(9), complete=piece["complete"])


def evidence_for(world):
    found = [evidence_of(piece) for piece in world["pieces"]]
    if world["listening"] is not None:
        found.append(table(*(socket(str(port)) for port in world["listening"]), asked=PortSet.of(*PORTS)))
    return found


def judged(world):
    result = audit(policy_for(world), *evidence_for(world))
    found = {
        (one.check, port)
        for one in result.findings
        if one.host is not None and one.status is Status.VIOLATION
        for port in (one.ports or [one.port])
    }
    lifted = {(one.check, one.port) for one in result.findings if one.status is Status.EXCEPTED}
    open_questions = set()
    for gap in result.unverified:
        open_questions |= set(gap.ports) if gap.ports else set(PORTS)
    return found, lifted, open_questions, result


# The reference: one port, one address, one piece at a time, by the words of the documentation.


def at_address(world, address, port):
    """What is known of one port at one address: a state, or None; and whether only old evidence saw it open."""
    here = [piece for piece in world["pieces"] if piece["address"] == address]
    fresh = [piece for piece in here if piece["fresh"]]
    said = set()
    for piece in fresh:
        state = piece["states"][port]
        talks = piece["alive"] or {"open", "closed"} & set(piece["states"].values())
        if state in {"filtered", "closed_filtered", "open_filtered"} and not (
            piece["complete"] and (talks or world["dark"])
        ):
            continue
        if state == "open_filtered" and world["silence"] and port.protocol is Protocol.UDP:
            state = "filtered"
        said.add(state)
    known = next((state for state in STATES[:5] if state in said), None)
    was_open = any(piece["states"][port] == "open" for piece in here if not piece["fresh"])
    return known, was_open and known in {None, "open_filtered"}


def reference(world, port):
    """(violation, lifted, open question) for one port."""
    allow, require, deny, final, lifted, strict = world["rules"]
    strict = strict or world["dark"]
    denied = port in deny or port in final
    permitted = (port in allow or port in require) and not denied
    required = port in require and not denied
    excepted = port in lifted and port not in final
    table_says = None if world["listening"] is None else ("open" if port in world["listening"] else "idle")
    known = [at_address(world, address, port) for address in ADDRESSES]
    if not world["pieces"]:
        known = [(None, False)]
    here = {state for state, _ in known}
    is_open = "open" in here or table_says == "open"
    was_open = not is_open and table_says is None and any(old for _, old in known)
    in_scope = port.number <= 4 or port.protocol is Protocol.UDP
    missing = None in here and table_says is None
    doubtful = "open_filtered" in here and table_says is None
    violation = None
    if (is_open or was_open) and not permitted:
        violation = "forbidden-open" if denied else "unexpected-open"
    elif required and not is_open and not missing and not doubtful:
        violation = "required-not-open"
    elif strict and not permitted and "closed" in here and not is_open:
        violation = "not-filtered"
    vague = strict and not permitted and "closed_filtered" in here and "closed" not in here
    cares = (in_scope or required) and (not permitted or required) and not excepted
    settled = is_open or (was_open and not permitted)
    question = cares and not settled and (missing or vague or (doubtful and (required or not strict)))
    return violation, excepted, question


def nobody_saw_the_host(world):
    """Whether nothing is known of any port, and no single port says so: then the host as a whole is in question."""
    if world["listening"] is not None:
        return False
    known = [at_address(world, address, port) for address in ADDRESSES for port in PORTS]
    if any(state is not None for state, _ in known):
        return False
    return not any((violation and not excepted) or question for violation, excepted, question in judgements(world))


def everything_was_cut_short(world):
    """Whether all that looked broke off, and no single port says so: then the evidence as a whole is in question."""
    if world["listening"] is not None or not world["pieces"] or any(piece["complete"] for piece in world["pieces"]):
        return False
    return not any(question for _, _, question in judgements(world))


def judgements(world):
    return [reference(world, port) for port in PORTS]


@settings(max_examples=400, deadline=None)
@given(worlds)
def test_sets_and_single_ports_come_to_the_same(world):
    found, lifted, questions, _ = judged(world)
    for port in PORTS:
        violation, excepted, question = reference(world, port)
        assert {check for check, where in found if where == port} == (
            {violation} if violation and not excepted else set()
        )
        assert {check for check, where in lifted if where == port} == ({violation} if violation and excepted else set())
        if world["pieces"] or world["listening"] is not None:
            whole = nobody_saw_the_host(world) or everything_was_cut_short(world)
            assert (port in questions) == (question or whole)
        else:
            assert questions


ignorance = st.one_of(
    st.fixed_dictionaries(
        {
            "address": st.sampled_from(ADDRESSES),
            "states": st.fixed_dictionaries({port: st.sampled_from(["unknown", "not asked"]) for port in PORTS}),
            "alive": st.sampled_from([None, False]),
            "fresh": st.booleans(),
            "complete": st.booleans(),
        }
    )
)


@settings(max_examples=200, deadline=None)
@given(worlds, ignorance)
def test_evidence_of_ignorance_never_makes_a_pass(world, piece):
    before = judged(world)[3].verdict
    after = judged({**world, "pieces": [*world["pieces"], piece]})[3].verdict
    if before is not Verdict.CONFORMS:
        assert after is not Verdict.CONFORMS


@settings(max_examples=200, deadline=None)
@given(worlds, st.data())
def test_taking_evidence_away_never_makes_a_pass_of_what_was_not_verified(world, data):
    result = judged(world)[3]
    if result.verdict is not Verdict.UNVERIFIED or not world["pieces"]:
        return
    at = data.draw(st.integers(0, len(world["pieces"]) - 1))
    fewer = {**world, "pieces": [*world["pieces"][:at], *world["pieces"][at + 1 :]]}
    *_, strict = world["rules"]
    if not fewer["pieces"] and (strict or world["dark"]):
        return  # only probes can tell filtered from closed: without any of them that is not assessed
    assert judged(fewer)[3].verdict is not Verdict.CONFORMS


@settings(max_examples=100, deadline=None)
@given(worlds, st.booleans())
def test_without_the_only_evidence_of_an_address_nothing_conforms(world, both):
    world = {**world, "listening": None, "pieces": [] if both else world["pieces"][:1]}
    in_question = any(reference(world, port)[2] for port in PORTS)  # where all is allowed, one address can be enough
    if both or in_question:
        assert judged(world)[3].verdict is not Verdict.CONFORMS


def test_a_policy_with_a_longer_age_limit_accepts_older_evidence():
    policy = policy_of(BASE + "rules: []\n")
    limit = replace(policy.settings, max_evidence_age=NOW - days_ago(10))
    nothing = Observation(address="192.0.2.10", closed=PortSet.of(*PORTS))
    other = replace(nothing, address="2001:db8::10")
    old = probe(nothing, other, started=days_ago(9))
    assert audit(policy, old).verdict is Verdict.UNVERIFIED
    assert audit(replace(policy, settings=limit), old).verdict is Verdict.CONFORMS
