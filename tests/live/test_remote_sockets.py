"""What listens on other hosts is read through real logins; who cannot be asked is unverified with the reason."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.collect.registry import open_evidence
from auditor.collect.sockets import listening
from auditor.collect.sockets.remote import Settings, client, remote_listening
from auditor.model.ports import ALL_TCP, ALL_UDP
from auditor.model.ssh import Asked, Login
from tests.live import ssh_world
from tests.live.conftest import Watcher
from tests.live.ssh_world import BUSY, CHANGED, JUMP, PLAIN, UNKNOWN
from tests.live.test_sockets_live import EVERY_FORM, v4, v6, zoo

pytestmark = pytest.mark.skipif(bool(ssh_world.unfit()), reason=ssh_world.unfit() or "fit")

SOCKETS = (*EVERY_FORM, v4(8021, "127.0.0.1", kind="SOCK_DGRAM"), v6(8022, "::1", kind="SOCK_DGRAM"))
RULES = "the rules of address translation (NAT) are shown to root alone"
HOSTILE = "a) S 1\n1 (sh"
AUDITOR = [sys.executable, "-m", "auditor"]


@pytest.fixture(scope="module")
def world():
    if missing := ssh_world.missing():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"not installed: {missing}")
    with ssh_world.World() as made:
        yield made


def logins(world) -> dict[str, Login]:
    root = Login(host="127.0.0.2", port=PLAIN, user="root")

    def as_(name, **more):
        return Login(host="127.0.0.3", port=PLAIN, user=name, **more)

    def by(key):
        return Login(host="127.0.0.4", port=PLAIN, user="root", identity=world.key(key))

    return {
        "root": root,
        "agent": Login(host="by-agent"),
        "far": Login(host="far"),
        "jumped": Login(host="127.0.0.7", port=PLAIN, user="root", jump=f"root@127.0.0.1:{JUMP}"),
        "audit": as_("audit"),
        "sudo": as_("audit", sudo=True),
        "noisy": as_("noisy"),
        "confined": as_("confined"),
        "closed": as_("closed"),
        "without-sudo": as_("noisy", sudo=True),
        "refused": Login(host="127.0.0.10", port=PLAIN, user="root", identity=world.key("stranger")),
        "no-key": by("never-made"),
        "cut": by("cut"),
        "short": by("short"),
        "flood": by("flood"),
        "lie": by("lie"),
        "changed": Login(host=CHANGED, port=PLAIN, user="root"),
        "unknown": Login(host=UNKNOWN, port=PLAIN, user="root"),
        "strangely-far": Login(host="strangely-far", user="root"),
        "cut-off-jump": Login(host="127.0.0.8", port=9, user="root", jump=f"root@127.0.0.1:{JUMP}"),
        "dead": Login(host="127.0.0.9", port=9),
        "nobody": Login(host="nobody.invalid"),
    }


@pytest.fixture(scope="module")
def fleet(world):
    """Every login at once, while sockets of all forms are held: what was seen, by name, and what this machine shows."""
    settings = Settings(configuration=str(world.configuration), known_hosts=str(world.known_hosts))
    watcher = Watcher()
    with (
        pytest.MonkeyPatch.context() as patch,
        zoo(*SOCKETS, name="menagerie", children=2),
        zoo(v4(8030), name=HOSTILE),
    ):
        patch.setenv("SSH_AUTH_SOCK", world.agent)
        patch.setattr(tempfile, "tempdir", world.temporary)
        patch.setattr(client, "LARGEST_ANSWER", 2_000_000)
        with zoo(v4(8040), prefix=("unshare", "--net"), name="contained"):
            asked = [Asked(name=name, login=login, known=True) for name, login in logins(world).items()]
            evidence = remote_listening(asked, settings, watcher)
            seen = {one.host: one for one in evidence}
            (own,) = listening()
            printed = subprocess.run(["ss", "-tulnp"], capture_output=True, check=True, timeout=60).stdout
    assert evidence.completion.complete
    assert list(evidence) == list(seen.values()), "iterating again yields the same"
    return {"seen": seen, "own": own, "ss": printed, "said": watcher.said, "told": watcher.told}


def ends(sockets) -> set:
    return {(str(each.port), each.address, each.interface, each.dual_stack, each.client) for each in sockets}


def settled(sockets) -> set:
    """The sockets with each listener of an SSH server held once: a login holds it for a moment, too."""
    return {replace(each, shared_by=1) if each.process == "sshd" else each for each in sockets}


@pytest.mark.parametrize("name", ["root", "agent", "far", "jumped", "sudo"])
def test_a_login_as_root_shows_what_the_reader_of_this_machine_shows(fleet, name):
    seen = fleet["seen"][name]
    assert (seen.asked, seen.unknown) == (ALL_TCP | ALL_UDP, ())
    assert len(seen.sockets) > 15
    assert settled(seen.sockets) == settled(fleet["own"].sockets)
    assert seen.names == (), "what the host calls itself is no name of a host that is known"


def test_it_is_what_ss_prints_there(fleet, tmp_path):
    path = tmp_path / "ss"
    path.write_bytes(fleet["ss"])
    (printed,) = open_evidence(str(path))
    seen = [one for one in fleet["seen"]["root"].sockets if one.netns is None]
    assert ends(seen) == ends(printed.sockets)
    assert {(one.port, one.pid, one.shared_by) for one in settled(seen)} == {
        (one.port, one.pid, one.shared_by) for one in settled(printed.sockets)
    }


def test_a_name_with_the_form_of_a_record_forges_nothing(fleet):
    (held,) = [one for one in fleet["seen"]["root"].sockets if one.port.number == 8030]
    assert held.process == HOSTILE
    assert held.pid not in {None, 1}


def test_sockets_of_other_namespaces_are_there_and_marked(fleet):
    (contained,) = [one for one in fleet["seen"]["root"].sockets if one.process == "contained"]
    assert contained.netns
    assert contained.netns.startswith("net:[")


@pytest.mark.parametrize("name", ["audit", "noisy", "confined"])
def test_without_privilege_every_socket_is_seen_and_what_is_hidden_is_said(fleet, name):
    seen = fleet["seen"][name]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert {one.reason.partition(":")[0] for one in seen.unknown} <= {RULES}
    assert not any(one.port in unknown.ports for one in seen.sockets if not one.netns for unknown in seen.unknown)
    here = [one for one in fleet["own"].sockets if one.netns is None]
    assert ends(one for one in seen.sockets if one.netns is None) == ends(here)
    assert {one.process for one in seen.sockets if one.port.number == 8001} == {None}
    assert {one.user for one in seen.sockets if one.port.number == 8001} == {"root"}
    assert "processes of other users are hidden: log in as root, or read through sudo" in seen.notes


REASONS = {
    "closed": "the login gives no shell that takes a script: This account is currently not available",
    "without-sudo": "sudo gives no root without a password there: ",
    "refused": "the login is refused: no key of ours, of the configuration or of the agent, is accepted",
    "no-key": "never-made cannot be read",
    "cut": "the host stopped in the middle of the answer",
    "short": "the host stopped in the middle of the answer",
    "flood": "the host sends more than",
    "lie": "the login gives no shell that takes a script",
    "changed": "has changed: it shows ED25519 {host}, not the one in known_hosts at {home}/known_hosts:1",
    "unknown": f"the host key of [{UNKNOWN}]:{PLAIN} is not known: it shows ED25519 {{host}}",
    "strangely-far": f"the host key of [{UNKNOWN}]:{JUMP} is not known: it shows ED25519 {{host}}",
    "cut-off-jump": "the jump host cannot reach it: connect failed: Connection refused",
    "dead": "unreachable: Connection refused",
    "nobody": "no such name: Could not resolve hostname nobody.invalid",
}


@pytest.mark.parametrize(("name", "why"), REASONS.items())
def test_who_cannot_be_asked_is_unverified_with_the_reason(fleet, world, name, why):
    seen = fleet["seen"][name]
    assert seen.sockets == ()
    assert not seen.asked
    (unknown,) = seen.unknown
    assert unknown.ports == ALL_TCP | ALL_UDP
    assert why.format(host=world.fingerprint("host"), home=world.home) in unknown.reason
    assert f"{name}: {unknown.reason}" in fleet["said"]
    assert "\n" not in unknown.reason


def test_all_are_asked_and_each_is_counted(fleet, world):
    assert fleet["seen"].keys() == logins(world).keys()
    assert [told[:2] for told in fleet["told"]] == [(done, 22) for done in range(1, 23)]
    assert fleet["said"][0] == "asking 22 hosts over SSH, 8 at once"


def test_jump_hosts_are_gone_through_and_nothing_is_shared_or_left(fleet, world):
    assert fleet
    assert world.log(JUMP).count("ctype direct-tcpip") == 3
    assert not list(world.home.glob("shared-*"))
    assert not list(Path(world.temporary).iterdir())


def test_a_server_that_takes_few_logins_at_once_answers_for_all_hosts(world):
    settings = Settings(configuration=str(world.configuration), known_hosts=str(world.known_hosts))
    asked = [
        Asked(name=f"web-{number}", login=Login(host=f"127.0.1.{number}", port=BUSY, user="root"))
        for number in range(1, 13)
    ]
    seen = list(remote_listening(asked, settings, Watcher(), concurrency=12))
    assert sorted(one.host for one in seen) == sorted(one.name for one in asked)
    assert [one.unknown for one in seen] == [()] * 12


def test_a_host_that_hangs_takes_no_longer_than_allowed(world):
    settings = Settings(configuration=str(world.configuration), known_hosts=str(world.known_hosts), timeout=1.5)
    login = Login(host="127.0.0.4", port=PLAIN, user="root", identity=world.key("hang"))
    began = time.monotonic()
    (seen,) = remote_listening([Asked(name="tarpit", login=login)], settings, Watcher())
    assert time.monotonic() - began < 60
    assert seen.unknown[0].reason.endswith("no answer within 1.5 s; give it longer with --ssh-timeout")


def policy(folder, **hosts) -> Path:
    path = folder / "exposure.yaml"
    rules = [{"hosts": "*", "allow": ["8001/tcp", f"{PLAIN}-{BUSY}/tcp"]}]
    path.write_text(json.dumps({"version": 1, "hosts": hosts, "rules": rules}), encoding="utf-8")
    return path


def options(world) -> list[str]:
    return ["--ssh-config", str(world.configuration), "--ssh-known-hosts", str(world.known_hosts)]


def auditor(world, *words, cwd):
    return subprocess.run(
        [*AUDITOR, *map(str, words), *options(world)], capture_output=True, text=True, timeout=120, cwd=cwd, check=False
    )


def test_the_gate_judges_the_hosts_of_a_policy_and_saves_what_they_said(world, tmp_path):
    web = {"address": "127.0.0.2", "ssh": {"user": "root", "port": PLAIN}}
    dead = {"address": "127.0.0.9", "ssh": "root@127.0.0.9:9"}
    path = policy(tmp_path, web=web, dead=dead)
    with zoo(v4(8001), v4(8055), name="service"):
        ended = auditor(world, "check", path, "--ssh", "--save", "seen.jsonl", "-o", "json", cwd=tmp_path)
        again = auditor(world, "check", path, "--ssh", "--only", "dead", "-o", "json", cwd=tmp_path)
    audit = json.loads(ended.stdout)
    assert (ended.returncode, again.returncode) == (1, 3)
    assert [(one["check"], one["host"], one["port"]) for one in audit["findings"]] == [
        ("unexpected-open", "web", "8055/tcp")
    ]
    (gap,) = audit["unverified"]
    assert gap["host"] == "dead"
    assert "unreachable: Connection refused" in gap["reason"]
    saved = subprocess.run(
        [*AUDITOR, "check", str(path), "seen.jsonl", "-o", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert [one["fingerprint"] for one in json.loads(saved.stdout)["findings"]] == [
        one["fingerprint"] for one in audit["findings"]
    ]


def test_ctrl_c_ends_every_login_and_keeps_what_was_seen(world, tmp_path):
    good = {"address": "127.0.0.2", "ssh": {"user": "root", "port": PLAIN}}
    hang = {"address": "127.0.0.4", "ssh": {"user": "root", "port": PLAIN, "identity": world.key("hang")}}
    path = policy(tmp_path, good=good, hang=hang)
    marked = {**os.environ, "AUDITOR_TEST_MARK": str(tmp_path)}
    process = subprocess.Popen(
        [*AUDITOR, "sockets", str(path), "--save", "seen.jsonl", *options(world)],
        cwd=tmp_path,
        env=marked,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    partial = tmp_path / "seen.jsonl.partial"
    ssh_world._until(lambda: partial.exists() and b'"good"' in partial.read_bytes())
    assert len(carrying(marked["AUDITOR_TEST_MARK"])) >= 2
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert said.endswith(b"interrupted\n")
    ssh_world._until(lambda: not carrying(marked["AUDITOR_TEST_MARK"]))
    *_, seen, footer = map(json.loads, (tmp_path / "seen.jsonl").read_text(encoding="utf-8").splitlines())
    assert seen["host"] == "good"
    assert footer["complete"] is False


def carrying(mark: str) -> list[int]:
    """The processes that have inherited a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inherited = f"AUDITOR_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if inherited:
                found.append(int(entry.name))
    return found


SCRIPT = Path(client.__file__).with_name("read.sh")


@pytest.mark.parametrize("shell", [("dash",), ("bash", "--posix"), ("busybox", "sh")], ids="-".join)
@pytest.mark.parametrize("awk", [True, False], ids=["awk", "without-awk"])
def test_every_posix_shell_gives_the_same_answer(shell, awk):
    from auditor.collect.sockets.remote.answer import observation
    from auditor.collect.sockets.remote.frame import sections

    if shutil.which(shell[0]) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{shell[0]} is not installed")
    script = SCRIPT.read_text(encoding="utf-8").replace("@MARK@", "mark")
    if not awk:
        script = script.replace("command -v awk", "false")
    with zoo(*SOCKETS, name="menagerie", children=2), zoo(v4(8030), name=HOSTILE):
        said = subprocess.run(shell, input=script.encode(), capture_output=True, timeout=60, check=False)
        (own,) = listening(all_namespaces=False)
    seen = observation("here", sections(said.stdout, "mark"))
    assert said.stderr == b""
    assert (seen.asked, seen.unknown) == (ALL_TCP | ALL_UDP, ())
    assert {one for one in seen.sockets if one.netns is None} == set(own.sockets)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_script_that_arrives_cut_off_does_nothing(part):
    script = SCRIPT.read_bytes().rstrip()
    said = subprocess.run(["sh"], input=script[: int(len(script) * part)], capture_output=True, timeout=60, check=False)
    assert said.stdout == b""
