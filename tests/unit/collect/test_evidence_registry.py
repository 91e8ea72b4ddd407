import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auditor.collect.registry import open_all, open_evidence
from auditor.errors import EvidenceError, UsageError
from auditor.model.evidence import Kind
from auditor.model.ports import PortSet

NMAP = (
    '<nmaprun scanner="nmap" version="7.93"><scaninfo protocol="tcp" services="22"/><host><status state="up" '
    'reason="echo-reply"/><address addr="192.0.2.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="22">'
    '<state state="open" reason="syn-ack"/></port></ports></host><runstats>'
    '<finished exit="success"/></runstats></nmaprun>'
)
PROBE = '{"auditor": "snapshot", "version": 1, "kind": "probe", "vantage": "office"}\n{"complete": true}\n'
SOCKETS = '{"version": 1, "auditor": "snapshot", "kind": "sockets"}\n{"asked": "1-65535/tcp"}\n{"complete": true}\n'


@pytest.fixture
def file(tmp_path):
    def made(content, name="evidence"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return made


@pytest.mark.parametrize("name", ["evidence", "evidence.txt", "evidence.json"])
@pytest.mark.parametrize(
    ("content", "tool"),
    [
        (NMAP, "nmap 7.93"),
        ("\n  " + NMAP, "nmap 7.93"),
        (NMAP.encode("utf-16"), "nmap 7.93"),
        ('<?xml version="1.0"?>\n<!-- Nmap 5.51 as: nmap ' + "192.0.2.1 " * 10_000 + "-->\n" + NMAP, "nmap 7.93"),
        (PROBE, None),
        (b"\xef\xbb\xbf" + PROBE.encode(), None),
        (SOCKETS, None),
    ],
)
def test_files_are_told_apart_by_content_whatever_their_name(file, name, content, tool):
    evidence = open_evidence(file(content, name))
    assert evidence.origin.tool == tool
    list(evidence)
    assert evidence.completion.complete


def test_evidence_is_called_as_the_caller_named_it(file, monkeypatch, tmp_path):
    file(NMAP)
    monkeypatch.chdir(tmp_path)
    assert open_evidence("evidence").origin.source == "evidence"


def test_the_digest_is_there_after_the_last_host(file):
    evidence = open_evidence(file(PROBE))
    list(evidence)
    assert evidence.origin.sha256 is not None


def test_a_vantage_given_is_for_probe_evidence_that_has_none(file):
    assert open_evidence(file(NMAP), vantage="internet").origin.vantage == "internet"
    assert open_evidence(file(PROBE), vantage="office").origin.vantage == "office"
    assert open_evidence(file(PROBE)).origin.vantage == "office"
    assert open_evidence(file(SOCKETS), vantage="internet").origin.vantage is None


def test_a_vantage_that_the_evidence_contradicts_is_a_usage_error(file):
    path = file(PROBE)
    with pytest.raises(UsageError, match=f"{path} was seen from office, not from internet: leave out --from for it"):
        open_evidence(path, vantage="internet")


@pytest.mark.parametrize("content", [NMAP, PROBE.replace('"kind"', '"asked": "22", "kind"')])
def test_a_declaration_must_agree_with_what_the_evidence_says_was_asked(file, content):
    path = file(content)
    assert str(open_evidence(path, asked=PortSet.parse("22")).origin.asked) == "22/tcp"
    with pytest.raises(UsageError, match="says itself what was asked of each host: leave out --asked for it"):
        open_evidence(path, asked=PortSet.parse("22-23"))


def test_a_declaration_is_nothing_to_a_socket_table_beside_a_scan(file):
    scan, table = file("192.0.2.1:22\n", "scan"), file(SOCKETS, "table")
    first, second = open_all([scan, table], asked=PortSet.parse("22-23"))
    assert (str(first.origin.asked), second.origin.asked) == ("22-23/tcp", None)
    with pytest.raises(UsageError, match="--asked is for what a scanner saw"):
        open_all([table], asked=PortSet.parse("22-23"))


def test_a_host_given_is_for_evidence_that_names_none(file):
    assert open_evidence(file(SOCKETS), host="db").origin.host == "db"
    own = SOCKETS.replace('"kind"', '"host": "web-1", "kind"')
    assert open_evidence(file(own), host="db").origin.host == "web-1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ": the file is empty"),
        (b"hello", ": not recognised as evidence; 'auditor import --help' lists what is read"),
        (b"\x7fELF\0\0\0", ": not recognised as evidence (it is binary)"),
        ("version: 1\nhosts:\n  web: 192.0.2.1\n", "(it looks like a policy, which comes first on the command line)"),
        ('{"auditor": "audit", "version": 1}', "(it is an audit report; "),
        ('{\n  "auditor": "audit"}', "(it is an audit report; "),
        ("<html></html>", ": not recognised as evidence; "),
        ("[\n]\n", "(it is an empty list, and does not say who found nothing)"),
        ("\n \n", ": the file is empty"),
        ("Nmap scan report for 192.0.2.1\n22/tcp open ssh\n", "(it is nmap's output for people: use -oX)"),
        ('{"ip": "192.0.2.1", "port": "80", "url": "http://192.0.2.1", "template-id": "x"}\n', ": not recognised"),
        ("pages:\n  web:\n    # x\nx -> [22]\n", ": not recognised"),
        ("# x -> [22]\nOpen 192.0.2.1:22\n", ": not recognised"),
    ],
)
def test_what_is_no_evidence_is_refused_with_the_kinds_that_are_known(file, content, says):
    path = file(content)
    with pytest.raises(EvidenceError) as caught:
        open_evidence(path)
    assert str(caught.value).startswith(path + says.partition("(")[0] if says.startswith(":") else path)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{\n  "version": 4,\n  "terraform_version": "1.9.8",\n  "resources": []\n}', "'terraform show -json FILE'"),
        ('{"version":3,"terraform_version":"0.11.1","modules":[]}', "'terraform show -json FILE'"),
        ('# edge\nresource "aws_security_group" "web" {\n}\n', "Terraform's configuration, not a plan: give what"),
        ('terraform {\n  required_version = ">= 1"\n}\n', "'terraform show -json tfplan'"),
        ('{"@level":"info","@message":"Terraform 1.9.8"}\n', "it is Terraform's log"),
        ("\nTerraform used the selected providers to generate the following execution plan.\n", "a plan for people"),
        (b"PK\x03\x04\x14\0\0\0tfplan", "'terraform show -json FILE'"),
        (b"\x1f\x8b\x08\0\0", "it is compressed: unpack it"),
        ('[{"netid": "tcp", "state": "LISTEN", "local_port": "22"}]', "it looks like jc's JSON"),
        ('[{"proto": "tcp", "state": "LISTEN", "kind": "network"}]', "netstat or lsof itself prints"),
        ("NAME         TYPE       CLUSTER-IP\nkubernetes   ClusterIP  10.96.0.1\n", "prints with -o json"),
        ("NAMESPACE   NAME   READY   STATUS\nshop  web-1  1/1  Running\n", "kubectl's table for people"),
        ("Name:         web\nNamespace:    shop\n", "'kubectl get -o json'"),
        ("    PID TTY          TIME CMD\n   1234 pts/0    00:00:00 bash\n", "it is a list of processes without ports"),
        ("USER  PID %CPU %MEM    VSZ   RSS TTY STAT START TIME COMMAND\nroot 1 0 0 1 1 ? Ss 1 1 init\n", "'ss -tulnp'"),
        ("Proto  State   Where\ntcp    LISTEN  0.0.0.0:22\n", "a table of sockets in a form that is not known"),
        ("table inet filter {\n chain input {\n }\n}\n", "'nft -j list ruleset'"),
        ("Chain INPUT (policy DROP)\ntarget     prot opt source     destination\n", "iptables-save"),
        ("public (default, active)\n  target: default\n  ports: 22/tcp\n", "'nft -j list ruleset'"),
        ("# web\nFROM debian:12\nEXPOSE 80\n", "it is a Dockerfile, which publishes nothing"),
        ("Discovered open port 80/tcp on 192.0.2.1\n", "masscan's output for people: use -oJ"),
        ("{{- if .Values.service }}\nports: {{ .Values.port }}\n{{- end }}\n", "'helm template'"),
        ('{\n  "$schema": "https://schema.example/x/deploymentTemplate.json#"\n}', "it is a template of Azure's"),
    ],
)  # fmt: skip
def test_what_is_near_something_is_refused_with_what_to_give_instead(file, content, says):
    with pytest.raises(EvidenceError, match="not recognised as evidence") as caught:
        open_evidence(path := file(content))
    assert says in str(caught.value)
    assert len(str(caught.value)) - len(path) <= 150


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        ("x (active)", "\n"), ("Name: x", "\n"), ("Name:", " "), ("{", " "), ('{"version"', " "), ("[", " "),
        ("", "PID "),        ("", "LISTEN"), ("tcp ", "1:"), ('resource "', "a"), ("resource", " "),
        ('"$schema":"', "a"), ("", "\n\t"), ("", "::"),
    ],
)  # fmt: skip
def test_a_hostile_beginning_is_refused_without_delay(file, begin, again):
    path = file("zz\n" + begin + again * (64 * 1024 // len(again)))
    other = file(begin + again * (64 * 1024 // len(again)) + "!", "other")
    before = time.process_time()
    for one in (path, other):
        with pytest.raises(EvidenceError):
            list(open_evidence(one))
    assert time.process_time() - before < 5  # seconds of this process: an expression that goes wrong takes 20 and more


def test_a_missing_file_and_a_folder_are_one_clear_message(tmp_path):
    with pytest.raises(EvidenceError, match=f"^cannot read {tmp_path}/none: No such file or directory$"):
        open_evidence(f"{tmp_path}/none")
    with pytest.raises(EvidenceError, match=f"^{tmp_path}: is a directory; name the evidence files in it$"):
        open_evidence(str(tmp_path))
    with pytest.raises(EvidenceError, match="cannot read"):
        open_evidence("nul\0byte")


def test_a_file_that_may_not_be_read_is_one_clear_message(file):
    path = file(NMAP)
    Path(path).chmod(0)
    program = (
        "import os, sys\n"
        "from auditor.collect.registry import open_evidence\n"
        "from auditor.errors import EvidenceError\n"
        "os.chdir(os.path.dirname(sys.argv[1]))\n"
        "os.geteuid() or os.setresuid(65534, 65534, 65534)\n"
        "try:\n    open_evidence('evidence')\nexcept EvidenceError as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True, text=True)
    assert ended.stdout == "cannot read evidence: Permission denied\n"


def test_standard_input_is_read_like_a_file(tmp_path):
    program = (
        "from auditor.collect.registry import open_evidence\n"
        "evidence = open_evidence('-')\n"
        "print(evidence.origin.source, [str(seen.open) for seen in evidence], evidence.completion.complete)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", program], input=NMAP, check=True, capture_output=True, text=True, env=environment
    )
    assert ended.stdout == "standard input ['22/tcp'] True\n"
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_can_be_read_more_than_once_and_leaves_nothing_behind(tmp_path, monkeypatch):
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_text(NMAP))
    feeder.start()
    evidence = open_evidence(str(pipe))
    feeder.join(10)
    assert evidence.origin.source == str(pipe)
    assert [seen.open for seen in evidence] == [seen.open for seen in evidence] == [PortSet.parse("22")]
    assert len(list(spool.iterdir())) == 1
    del evidence
    assert list(spool.iterdir()) == []


def test_a_pipe_of_nonsense_leaves_nothing_behind(tmp_path, monkeypatch):
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    reading, writing = os.pipe()
    with io.FileIO(writing, "wb") as end:
        end.write(b"hello")
    with io.FileIO(reading), pytest.raises(EvidenceError, match="not recognised as evidence"):
        open_evidence(f"/dev/fd/{reading}")
    assert list(spool.iterdir()) == []


ENDLESS = """
import sys
text = sys.argv[1].encode().decode("unicode_escape").encode() * 4096
try:
    while True:
        sys.stdout.buffer.write(text)
except BrokenPipeError:
    sys.stderr.close()
"""


def endless(text, look):
    """Call with the path of a pipe that never ends."""
    feeder = subprocess.Popen([sys.executable, "-c", ENDLESS, text], stdout=subprocess.PIPE)
    assert feeder.stdout is not None
    try:
        look(f"/dev/fd/{feeder.stdout.fileno()}")
    finally:
        feeder.stdout.close()
        feeder.wait(10)


def test_an_endless_pipe_of_nonsense_is_refused_by_its_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def look(path):
        with pytest.raises(EvidenceError, match="not recognised as evidence"):
            open_evidence(path)

    endless("y\\n", look)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_pipe_that_looks_like_evidence_is_copied_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("auditor.collect.spool.LIMIT", 3 * 1024 * 1024)

    def look(path):
        with pytest.raises(EvidenceError, match=r"^/dev/fd/\d+: does not end within 0\.00\d+ GiB: save it as a file"):
            open_evidence(path)

    endless("192.0.2.1:80\\n", look)
    assert list(tmp_path.iterdir()) == []


def test_a_long_pipe_within_the_limit_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    text = "".join(f"192.0.{n >> 8}.{n & 255}:80\n" for n in range(20_000))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_text(text))
    feeder.start()
    seen = list(open_evidence(str(pipe)))
    feeder.join(10)
    assert len(seen) == 20_000


def test_an_empty_device_is_an_empty_file():
    with pytest.raises(EvidenceError, match=r"^/dev/null: the file is empty$"):
        open_evidence("/dev/null")


def test_hosts_can_be_read_without_keeping_the_evidence_itself(file):
    assert [seen.address for seen in open_evidence(file(NMAP))] == ["192.0.2.1"]
    assert open_evidence(file(NMAP)).origin.kind is Kind.PROBE


def test_what_a_killed_scan_left_is_pointed_at(tmp_path):
    (tmp_path / "seen.jsonl.partial").write_text("{}\n")
    with pytest.raises(EvidenceError, match=r"left .*seen\.jsonl\.partial: auditor scan --resume .*seen\.jsonl$"):
        open_evidence(str(tmp_path / "seen.jsonl"))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_that_never_ends_is_refused_at_once(device):
    with pytest.raises(EvidenceError, match=f"^{device}: is a device, and no evidence$"):
        open_evidence(device)


def test_an_empty_name_is_refused_as_one():
    with pytest.raises(UsageError, match="an empty name is no file of evidence"):
        open_evidence("")
