"""Whatever is wrong with what the command is given: a message that says so, the exit code for it, and nothing else.

Each case goes through the real command. None needs a network: where the policy is in order there is evidence.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from auditor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

AUDITOR = Path(sys.executable).with_name("auditor")
USAGE, FAILED = ExitCode.USAGE, ExitCode.FAILED

POLICY = """\
version: 1
hosts: {web: 192.0.2.10}
rules:
  - {id: shop, hosts: [web], allow: [80]}
scan: {tcp: [80-90]}
"""
HEADER = '{"auditor": "snapshot", "version": 1, "kind": "probe", "tool": "lab"}\n'
HOST = '{"host": "web", "address": "192.0.2.10", "alive": true, "tcp": {"open": "80", "closed": "81-90"}}\n'
SNAPSHOT = HEADER + HOST + '{"complete": true, "finished": "2026-11-22T12:00:00Z"}\n'
NOW = ("--now", "2026-11-22T12:30:00Z")

MEGABYTE = 1 << 20
ESCAPES = "\x1b[31mred\x1b]0;title\x07"
XML = '<?xml version="1.0"?>\n<!DOCTYPE nmaprun [{}]>\n<nmaprun scanner="nmap" args="&a;"><host/></nmaprun>\n'
BILLION_LAUGHS = '<!ENTITY z "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("zhgfedcb", "hgfedcba", strict=True)
)


def rule(text: str) -> str:
    return POLICY.replace("allow: [80]", text)


def aliases() -> str:
    lines = ["version: 1", "k0: &k0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines) + "\n"


class Case(NamedTuple):
    """``files`` by name, written into an empty folder; ``says`` is what the message must match."""

    name: str
    says: str
    words: Sequence[str] = ("p.yaml", "s.jsonl")
    files: dict[str, str | bytes] | None = None
    code: int = USAGE

    @property
    def written(self) -> dict[str, str | bytes]:
        return {"p.yaml": POLICY, "s.jsonl": SNAPSHOT} | (self.files or {})


def policy(name: str, text: str | bytes, says: str, **others: str) -> Case:
    return Case(name, says, files={"p.yaml": text, **{f"{key}.yaml": value for key, value in others.items()}})


def evidence(name: str, text: str | bytes, says: str, file: str = "e.jsonl") -> Case:
    return Case(name, says, words=("p.yaml", file), files={file: text}, code=FAILED)


def options(name: str, says: str, *words: str, code: int = USAGE) -> Case:
    return Case(name, says, words=("p.yaml", "s.jsonl", *words), code=code)


CASES = [
    # -- the policy as a file
    Case("no policy is there", r"^none\.yaml: no such file", words=("none.yaml",)),
    Case("no policy under the default name", r"^exposure\.yaml: no such file", words=()),
    Case("the policy is a directory", r"^\.: this is a directory", words=(".", "s.jsonl")),
    Case("policy and evidence are swapped", "is evidence; the policy comes first", words=("s.jsonl", "p.yaml")),
    policy("the policy is empty", "", "the file is empty"),
    policy("the policy is all comments", "# nothing\n", "nothing but comments"),
    policy("the policy is binary", bytes(range(256)), "the file is binary"),
    policy("the policy is not UTF-8", b"version: 1\nname: caf\xe9\n", r"^p\.yaml:2:10: .*not valid UTF-8"),
    policy("the policy has 100 MB", POLICY + "# and so on, and so on\n" * (100 * MEGABYTE // 23), "too large"),
    policy("the policy is nested deeply", "version: 1\nhosts: " + "[" * 5000 + "]" * 5000, r"^p\.yaml:2:\d+: nested"),
    policy("an alias bomb", aliases(), "more than 1,000,000 values"),
    policy("not YAML", "version: 1\nhosts: {web: [\n", "this is not YAML"),
    policy("a tab", "version: 1\nhosts:\n\tweb: 192.0.2.10\n", r"^p\.yaml:3:1: a tab"),
    # -- the policy's words
    policy("an unknown key", POLICY.replace("rules", "rulez"), r"^p\.yaml:3:1: unknown key 'rulez'.*'rules'\?"),
    policy("a duplicate key", POLICY.replace("{web", "{web: 192.0.2.9, web"), r"^p\.yaml:2:\d+: .*'web' is here twice"),
    policy(
        "a duplicate id",
        rule("allow: [80]}\n  - {id: shop, hosts: [web], allow: [81]"),
        r"^p\.yaml:5:10: the id 'shop' is taken at p\.yaml:4",
    ),
    policy("22:22", rule("allow: [22:22]"), r"^p\.yaml:4:38: '22:22' is not a port"),
    policy("70000", rule("allow: [70000]"), r"^p\.yaml:4:38: 70000 is not a port"),
    policy("90-80", rule("allow: [90-80]"), r"^p\.yaml:4:38: .*'90-80' is reversed.*'80-90'\?"),
    policy("010", rule("allow: [010]"), r"^p\.yaml:4:38: '010' has a leading zero"),
    policy("an unknown service", rule("allow: [htps]"), r"^p\.yaml:4:38: .*'htps'.*'https'\?"),
    policy("an unknown tag", POLICY.replace("[web]", "['tag:shop']"), r"^p\.yaml:4:24: 'tag:shop' matches no host"),
    policy("an unknown host", POLICY.replace("[web]", "[wbe]"), r"^p\.yaml:4:24: 'wbe' matches no host.*'web'\?"),
    policy("an unknown pack", f"extends: ['pack:web-sever']\n{POLICY}", r"no pack 'web-sever'.*'pack:web-server'\?"),
    policy("an unknown file to extend", f"extends: [none.yaml]\n{POLICY}", "no file 'none.yaml'"),
    policy(
        "a circle of files",
        f"extends: [b.yaml]\n{POLICY}",
        r"circle: p\.yaml → b\.yaml → p\.yaml",
        b="version: 1\nextends: [p.yaml]\n",
    ),
    policy(
        "a date that does not exist",
        rule("allow: [80], review_by: 2026-02-30"),
        r"^p\.yaml:4:\d+: '2026-02-30' is not a date",
    ),
    policy("an unknown vantage", rule("allow: [80], from: [moon]"), r"^p\.yaml:4:\d+: .*'moon'"),
    policy("no hosts", "version: 1\nrules: []\n", "no hosts"),
    policy("another version", POLICY.replace("version: 1", "version: 2"), r"^p\.yaml:1:10: "),
    policy("an address that is none", POLICY.replace("192.0.2.10", "192.0.2.256"), r"^p\.yaml:2:\d+: .*192\.0\.2\.256"),
    policy(
        "escapes in a key", f'"{ESCAPES}": 1\n'.replace("\x1b", "\\e").replace("\x07", "\\a") + POLICY, "unknown key"
    ),
    # -- evidence
    Case("evidence that is not there", r"^cannot read e\.xml: No such file", words=("p.yaml", "e.xml"), code=FAILED),
    Case("evidence that is a directory", r"^\.: is a directory", words=("p.yaml", "."), code=FAILED),
    Case(
        "evidence that cannot be read",
        r"^cannot read /proc/self/mem: Input/output error",
        words=("p.yaml", "/proc/self/mem"),
        code=FAILED,
    ),
    evidence("empty evidence", "", "the file is empty"),
    evidence("binary evidence", b"\x7fELF\0\0\0\0", r"not recognised as evidence \(it is binary\)"),
    evidence("a policy as evidence", POLICY, "it looks like a policy, which comes first", "q.yaml"),
    evidence("a bomb of entities", XML.format(BILLION_LAUGHS), r"^e\.xml:2:\d+: entity declarations", "e.xml"),
    evidence(
        "an entity from a file",
        XML.format('<!ENTITY a SYSTEM "file:///etc/passwd">'),
        r"^e\.xml:2:\d+: entity declarations",
        "e.xml",
    ),
    evidence("XML of another kind", "<feed><entry/></feed>", "not recognised as evidence", "e.xml"),
    evidence("XML that is broken", '<nmaprun scanner="nmap"><host><</nmaprun>', r"^e\.xml:1:\d+: ", "e.xml"),
    evidence("a snapshot cut in its header", HEADER[:60], r"^e\.jsonl:1: not JSON"),
    evidence("a snapshot of another version", HEADER.replace(": 1,", ": 9,"), r"^e\.jsonl:1: .*version"),
    evidence("garbage in a snapshot", HEADER + "\0\xff\n" + HOST, r"^e\.jsonl:2: not JSON"),
    evidence("a snapshot of wrong types", HEADER + '{"host": 5}\n', r'^e\.jsonl:2: "host" must be a string'),
    evidence("a snapshot of impossible ports", HEADER + HOST.replace("81-90", "90-81"), r"^e\.jsonl:2: .*90-81"),
    evidence("a line of 100 MB", f'{HEADER}{{"host": "{"a" * 100 * MEGABYTE}"}}\n', r"^e\.jsonl:2: a line longer than"),
    evidence("nesting without end", HEADER + '{"host": ' + "[" * 100_000 + "\n", r"^e\.jsonl:2: "),
    # -- options
    options("an unknown option", "No such option: --nonsense", "--nonsense"),
    options("an unknown format", r"unknown report format 'nonsense'; valid are text, json", "-o", "nonsense"),
    options("two reports in one file", "two reports .* same file", "-o", "junit=a", "-o", "sarif=./a"),
    options("two reports on standard output", "only one report", "-o", "text", "-o", "json"),
    options("a report without a name", "file name after '=' is empty", "-o", "json="),
    options("a time that is none", "--now: not an RFC 3339 time: 'junk'", "--now", "junk"),
    options("a time without its zone", "--now: not an RFC 3339 time", "--now", "2026-11-22T12:00:00"),
    options("a severity that is none", "--fail-on: unknown severity 'junk'; expected info", "--fail-on", "junk"),
    options("a host that is none", "--only: 'nobody' matches no host", "--only", "nobody"),
    options("scanning and evidence", "nothing is scanned", "--rate", "100"),
    options("saving evidence again", "nothing is collected", "--save", "x.jsonl"),
    Case("a rate of nothing", "--rate: '0': expected packets a second", words=("p.yaml", "--rate", "0")),
    Case("a rate for each of nothing", "--host-rate: '0': expected packets", words=("p.yaml", "--host-rate", "0")),
    Case("a rate that is no number", "--rate: '²': expected packets", words=("p.yaml", "--rate", "²")),
    Case("a timeout of nothing", "--timeout: '0': expected a time", words=("p.yaml", "--timeout", "0")),
    Case(
        "a timeout without its unit",
        "--timeout: '5': expected a time such as 2s or 500ms, below an hour; did you mean '5s'?",
        words=("p.yaml", "--timeout", "5"),
    ),
    Case("a timeout that the policy would not take", "--timeout: '1.5s'", words=("p.yaml", "--timeout", "1.5s")),
    Case("a timeout that is none", "--timeout: 'nan'", words=("p.yaml", "--timeout", "nan")),
    Case("no connections at all", "--max-inflight", words=("p.yaml", "--max-inflight", "0")),
    # -- reports
    options(
        "a report in a folder that is not there", "cannot write no/x: No such file", "-o", "json=no/x", code=FAILED
    ),
    options("a report over a folder", r"cannot write \.: Is a directory", "-o", "json=.", code=FAILED),
    options("a report that the kernel refuses", "cannot write /proc/x: ", "-o", "sarif=/proc/x", code=FAILED),
    options("a full device", "cannot write /dev/full: No space left", "-o", "json=/dev/full", code=FAILED),
]


def run(folder: Path, *words: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    """The command in the folder; ``shell`` redirects its streams."""
    command = ["bash", "-c", f'exec "$@" {shell}', "bash", AUDITOR, "check", *words, *NOW * ("--now" not in words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=60, stdin=subprocess.DEVNULL
    )


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def messages(said: str) -> list[str]:
    """What was said, line by line; only lines that say that they are errors, and no control characters."""
    lines = said.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines), said
    assert not re.search(r"[^\x20-\x7e\xa0-\U0010ffff]", said.replace("\n", "")), ascii(said)
    return [line.removeprefix("error: ") for line in lines]


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_what_is_wrong_is_said_in_one_clear_message(tmp_path, case):
    write(tmp_path, case.written)
    done = run(tmp_path, *case.words)
    assert (done.returncode, done.stdout) == (case.code, "")
    (message,) = messages(done.stderr)
    assert re.search(case.says, message), message
    assert len(message) < 1000, "the longest lists every kind of evidence"
    assert {each.name for each in tmp_path.iterdir()} == set(case.written), "nothing is left behind"


def test_everything_in_order_is_no_error(tmp_path):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": SNAPSHOT})
    done = run(tmp_path, "p.yaml", "s.jsonl", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["verdict"] == "conforms"


def test_all_that_is_wrong_in_a_policy_is_said_at_once(tmp_path):
    write(tmp_path, {"p.yaml": rule("allow: [70000, 22:22, 90-80]").replace("scan", "scam")})
    done = run(tmp_path, "p.yaml")
    assert (done.returncode, done.stdout) == (USAGE, "")
    places = [message.split(": ")[0] for message in messages(done.stderr)]
    assert places == ["p.yaml:4:38", "p.yaml:4:45", "p.yaml:4:52", "p.yaml:5:1"]


def test_an_expired_exception_excuses_nothing_and_is_named(tmp_path):
    closed = POLICY.replace("allow: [80]", "deny: [80]")
    exception = (
        "exceptions:\n  - {id: EX-1, hosts: [web], ports: [80], reason: r, owner: o,"
        " approved: {by: ciso, on: 2026-10-01}, expires: 2026-11-21}\n"
    )
    write(tmp_path, {"p.yaml": closed + exception, "s.jsonl": SNAPSHOT})
    done = run(tmp_path, "p.yaml", "s.jsonl")
    assert (done.returncode, done.stderr) == (ExitCode.VIOLATIONS, "")
    assert "EX-1" in done.stdout
    write(tmp_path, {"p.yaml": closed + exception.replace("11-21}", "11-22}")})
    assert run(tmp_path, "p.yaml", "s.jsonl").returncode == ExitCode.CONFORMS


def test_a_snapshot_that_breaks_off_is_incomplete_and_not_an_error(tmp_path):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": HEADER + HOST + HOST[:40]})
    done = run(tmp_path, "p.yaml", "s.jsonl", "-o", "json")
    assert (done.returncode, done.stderr) == (ExitCode.UNVERIFIED, "")
    (used,) = json.loads(done.stdout)["evidence"]
    assert (used["complete"], used["reason"]) == (False, "the file ends in the middle of a line")


def test_escapes_in_names_reach_no_report(tmp_path):
    shown = json.dumps(ESCAPES)
    named = POLICY.replace("hosts: {web", f"name: {shown}\nhosts: {{web").replace(
        "id: shop", f"id: shop, reason: {shown}"
    )
    wild = HOST.replace('"80"', '"80,81"').replace("81-90", "82-90").replace('"web"', f'"web", "names": [{shown}]')
    write(tmp_path, {"p.yaml": named, "s.jsonl": SNAPSHOT.replace(HOST, wild)})
    for form in ("text", "json", "junit", "sarif"):
        done = run(tmp_path, "p.yaml", "s.jsonl", "-v", "-o", form)
        assert done.returncode == ExitCode.VIOLATIONS, done.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), form


def test_one_report_that_cannot_be_written_does_not_keep_the_others_from_it(tmp_path):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": SNAPSHOT})
    done = run(tmp_path, "p.yaml", "s.jsonl", "-o", "json=no/x", "-o", "junit=x.xml", "-o", "text")
    assert done.returncode == FAILED
    assert messages(done.stderr) == ["cannot write no/x: No such file or directory"]
    assert done.stdout.endswith(" s\n")
    assert (tmp_path / "x.xml").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("shell", "says"),
    [
        (">&-", "cannot write standard output: it is closed"),
        (">/dev/full", "cannot write standard output: No space left on device"),
    ],
    ids=["closed", "full"],
)
def test_standard_output_that_takes_no_report_is_a_failure(tmp_path, shell, says):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": SNAPSHOT})
    done = run(tmp_path, "p.yaml", "s.jsonl", "-o", "json", shell=shell)
    assert (done.returncode, done.stdout) == (FAILED, "")
    (message,) = messages(done.stderr)
    assert message.startswith(says)


@pytest.fixture
def unread():
    """The writing end of a pipe from which nobody will ever read."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_report_that_nobody_reads_is_a_failure_and_not_a_verdict(tmp_path, unread):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": SNAPSHOT})
    command = [AUDITOR, "check", "p.yaml", "s.jsonl", *NOW]
    done = subprocess.run(command, cwd=tmp_path, stdout=unread, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == FAILED
    assert messages(done.stderr) == ["cannot write standard output: Broken pipe"]


def test_an_answer_that_nobody_reads_is_a_failure_without_a_word(unread):
    done = subprocess.run([AUDITOR, "port", "https"], stdout=unread, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (FAILED, "")


def test_a_bug_shows_itself_and_its_exit_code_is_no_verdict():
    program = "from auditor.cli import app\napp.run = lambda _: 1 / 0\napp.main()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == FAILED
    assert done.stderr.startswith("Traceback")
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_streams_that_are_not_needed_need_not_be_there(tmp_path, shell):
    write(tmp_path, {"p.yaml": POLICY, "s.jsonl": SNAPSHOT})
    done = run(tmp_path, "p.yaml", "s.jsonl", "-o", "json=x.json", shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["verdict"] == "conforms"


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_a_failure_that_cannot_be_told_keeps_its_exit_code(tmp_path, shell):
    assert run(tmp_path, "none.yaml", shell=shell).returncode == USAGE
