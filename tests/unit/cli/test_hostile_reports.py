"""Hostile strings in real files, from reading to writing: each format of the registry stays valid, nothing acts."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import quoteattr

import junitparser
import pytest
from jsonschema import Draft4Validator, Draft7Validator
from lxml import etree

from auditor.cli.app import run
from auditor.report.registry import FORMATS
from tests.unit.report.shared import oscal_schema, shared

HOSTILE = {
    "terminal sequences": "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "workflow commands": "x\n::error file=a::owned\n##[group]owned\n##vso[task.complete]owned",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;",
    "formulas": "=cmd|' /C calc'!A0",
    "ends of sections": "]]> --> */ {{0}} {0} [x](1) </script> ` | @everyone #1",
    "non-characters": "a\ufffe\uffffb",
    "lone surrogates": "a\ud800b\udfffc",
    "right to left": "\u202egpj.exe\u2066\u200f",
    "a megabyte": "A" * 1_000_000,
}
NOW = ["--now", "2026-11-20T09:00:00Z"]
ACTIVE = {"script", "iframe", "object", "embed", "base", "form", "link"}


def policy(evil):
    text = json.dumps(evil)  # a scalar of JSON is one of YAML
    return f"""version: 1
name: {text}
hosts:
  web-1: 192.0.2.10
  db: 192.0.2.11
rules:
  - id: shop
    hosts: [web-1]
    allow: [{{port: 443, service: https}}]
    require: [8443]
    reason: {text}
    owner: {text}
  - id: all
    hosts: ["*"]
    allow: [22]
    controls: [{text}, "house:1", {json.dumps("house:" + evil)}]
controls:
  house: {{title: {text}}}
  house:1: {{title: {text}, checks: [unexpected-open, required-not-open]}}
  pci-dss:1.2.5: {{title: {text}}}
exceptions:
  - id: EX-1
    hosts: [web-1]
    ports: [8081]
    reason: {text}
    owner: {text}
    approved: {{by: {text}, on: 2026-10-01, ticket: {text}}}
    expires: 2026-12-31
"""


_SURROGATES = re.compile("[\ud800-\udfff]")


def nmap(evil):
    attribute = quoteattr(evil)
    return f"""<?xml version="1.0"?>
<nmaprun scanner="nmap" args={attribute} start="1795165200" version="7.93">
<scaninfo type="connect" protocol="tcp" numservices="65535" services="1-65535"/>
<host><status state="up" reason="user-set"/><address addr="192.0.2.10" addrtype="ipv4"/>
<hostnames><hostname name={attribute} type="PTR"/></hostnames>
<ports><extraports state="closed" count="65532"/>
<port protocol="tcp" portid="443"><state state="open" reason="syn-ack"/><service name={attribute} product={attribute}
 version={attribute} extrainfo={attribute} method="probed" conf="10"/></port>
<port protocol="tcp" portid="6379"><state state="open" reason={attribute}/><service name={attribute} method="probed"
 conf="10"/><script id="banner" output={attribute}/></port>
<port protocol="tcp" portid="8081"><state state="open" reason="syn-ack"/></port>
</ports></host>
<host><status state="up" reason="user-set"/><address addr="192.0.2.77" addrtype="ipv4"/>
<hostnames><hostname name={attribute} type="user"/></hostnames>
<ports><port protocol="tcp" portid="22"><state state="open" reason="syn-ack"/></port></ports></host>
<runstats><finished time="1795165260" exit="success"/></runstats></nmaprun>
"""


def ss(evil):
    return (
        "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        f'tcp   LISTEN 0      128          0.0.0.0:5432      0.0.0.0:*     users:(("{evil}",pid=7,fd=3))\n'
    )


def compose(evil):
    text = json.dumps(evil)
    return f"""name: shop
services:
  {text}:
    image: {text}
    labels: [{text}]
    ports:
      - "9200:9200" # {evil.splitlines()[0]}
      - {{target: 80, published: "8088", host_ip: 0.0.0.0, name: {text}}}
"""


def is_plain(text, spared=""):
    for char in spared:
        text = text.replace(char, "")
    assert text.isprintable(), [char for char in text if not char.isprintable()][:5]


def no_commands(text):
    for line in text.splitlines():
        assert not line.lstrip().startswith("::")
        assert not re.search(r"##(vso|teamcity)?\[", line, re.IGNORECASE)


def check_text(written):
    is_plain(written.decode(), "\n")
    no_commands(written.decode())


def check_json(written):
    value = json.loads(written)
    json.dumps(value, ensure_ascii=False).encode()  # no lone surrogates
    no_commands(written.decode())


def check_junit(written):
    tree = etree.fromstring(written)
    etree.XMLSchema(etree.parse(shared("schemas/junit-10.xsd"))).assertValid(tree)
    assert list(junitparser.JUnitXml.fromstring(written))
    no_commands(written.decode())


def check_sarif(written):
    log = json.loads(written)
    check_json(written)
    for name in ("sarif-schema-2.1.0.json", "codeql-action-sarif.json"):
        Draft4Validator(json.loads(Path(shared(f"schemas/{name}")).read_text("utf-8"))).validate(log)


def check_markdown(written):
    text = written.decode()
    is_plain(text, "\n\u200b\ufe0f")
    no_commands(text)
    assert len(written) <= 60_000
    shown = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"<(?!/?(details|summary|!--|br|sub))", shown), shown


def check_github(written):
    for line in written.decode().splitlines():
        assert re.fullmatch(r"::(error|warning|notice) (\w+=[^,:]*)(,\w+=[^,:]*)*::.*", line)
        is_plain(line)


def check_gitlab(written):
    check_json(written)
    schema = json.loads(Path(shared("schemas/gitlab-codeclimate-item.json")).read_text("utf-8"))
    for item in json.loads(written):
        Draft7Validator(schema).validate(item)


def check_csv(written):
    header, *rows = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    assert rows
    for row in rows:
        assert len(row) == len(header)
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    is_plain(written.decode(), "\r\n")


class Page(HTMLParser):
    """Collects what a page would do."""

    def __init__(self):
        super().__init__()
        self.scripts, self.wrong = 0, []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.wrong += [tag] if tag in ACTIVE - {"script"} else []
        self.wrong += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]
        self.wrong += [f"{tag} {value}" for name, value in attrs if (value or "").lower().startswith("javascript:")]


def check_html(written):
    page = Page()
    page.feed(written.decode("utf-8"))
    assert page.wrong == []
    assert page.scripts == SCRIPTS.setdefault("html", page.scripts), "a string made a script of its own"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\x9b\u202a-\u202e\u2066-\u2069\ufffe\uffff]", written.decode())


SCRIPTS: dict[str, int] = {}
"""How many scripts a page has: as many with every string."""


def check_oscal(written):
    check_json(written)
    document = json.loads(written)
    oscal_schema().validate(document)
    for text in prose_of(document):
        assert not re.search(r"(?<!\\)[<`\[]|@(?!\u200b)", text), text[:200]


def prose_of(value):
    """Every text that OSCAL takes for Markdown."""
    if isinstance(value, list):
        for part in value:
            yield from prose_of(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in {"title", "description", "remarks"}:
                yield part
            else:
                yield from prose_of(part)


CHECKS = {
    "text": check_text,
    "json": check_json,
    "junit": check_junit,
    "sarif": check_sarif,
    "markdown": check_markdown,
    "github": check_github,
    "gitlab": check_gitlab,
    "csv": check_csv,
    "html": check_html,
    "oscal": check_oscal,
}


def test_every_format_of_the_registry_is_held_to_it():
    assert set(CHECKS) == set(FORMATS) | {"html"}


def snapshot(evil):
    lines = (
        {"auditor": "snapshot", "version": 1, "kind": "probe", "tool": evil, "started": "2026-11-20T08:00:00Z"},
        {
            "host": "web-1",
            "address": "192.0.2.10",
            "alive": True,
            "tcp": {"open": "443,6379", "closed": "1-442,444-6378,6380-65535"},
            "services": [{"port": "443/tcp", "service": evil, "banner": evil}, {"port": "6379/tcp", "service": evil}],
            "errors": [{"ports": "1/udp", "reason": evil}],
            "notes": [evil],
        },
        {"complete": False, "reason": evil},
    )
    return "\n".join(map(json.dumps, lines))


def write(folder, evil):
    """Write the files. YAML knows no surrogates and XML fewer characters: there, others stand for those."""
    files = {
        "exposure.yaml": policy(_SURROGATES.sub("?", evil)),
        "seen.jsonl": snapshot(evil),
        "scan.xml": nmap(re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", "?", evil)),
        "ss.txt": ss(evil.replace("\n", " ").replace('"', "'")[:4000]),
        "compose.yaml": compose(_SURROGATES.sub("?", evil)),
    }
    for name, text in files.items():
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_strings_in_files_act_in_no_report(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / ".git").mkdir()
    write(tmp_path, HOSTILE[kind])
    codes = {}
    for evidence in (["scan.xml"], ["seen.jsonl"], ["ss.txt", "--host", "db"], ["compose.yaml", "--host", "db"]):
        reports = [f"-o{name}=out{known.suffix}" for name, known in FORMATS.items()]
        codes[evidence[0]] = run(["check", "exposure.yaml", *evidence, *reports, "--verbose", *NOW])
        told = capsys.readouterr().err
        is_plain(told, "\n")
        no_commands(told)
        if codes[evidence[0]] in {0, 1, 3}:
            for name, known in FORMATS.items():
                CHECKS[name]((tmp_path / f"out{known.suffix}").read_bytes())
            for name in ("sarif", "github", "gitlab", "markdown"):  # one host must not have the whole report refused
                assert (tmp_path / f"out{FORMATS[name].suffix}").stat().st_size < 150_000, name
        else:
            assert told.count("error: ") == 1, told[:500]
    assert [codes[name] for name in ("scan.xml", "seen.jsonl", "ss.txt")] == [1, 1, 1]


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_of_files_act_in_no_report(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / ".git").mkdir()
    evil = _SURROGATES.sub("\udce9", HOSTILE[kind]).replace("/", "|")[:60]
    names = {name: f"x{evil}{name}" for name in ("exposure.yaml", "seen.jsonl", "compose.yaml")}
    Path(names["exposure.yaml"]).write_text(policy("plain"), encoding="utf-8")
    Path(names["seen.jsonl"]).write_text(snapshot("plain"), encoding="utf-8")
    Path(names["compose.yaml"]).write_text(compose("plain"), encoding="utf-8")
    reports = [f"-o{name}=out{known.suffix}" for name, known in FORMATS.items()]
    assert run(["check", *names.values(), "--host", "db", *reports, "--verbose", *NOW]) == 1
    told = capsys.readouterr().err
    is_plain(told, "\n")
    no_commands(told)
    for name, known in FORMATS.items():
        written = (tmp_path / f"out{known.suffix}").read_bytes()
        CHECKS[name](written)
        assert b"compose.yaml" in written, name
    again = [f"-o{name}=again{known.suffix}" for name, known in FORMATS.items()]
    assert run(["report", "out.json", "--verbose", *again]) == 1
    for known in FORMATS.values():
        assert (tmp_path / f"again{known.suffix}").read_bytes() == (tmp_path / f"out{known.suffix}").read_bytes()


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_vantages_act_in_no_report(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    Path("exposure.yaml").write_text(policy("plain"), encoding="utf-8")
    header, *rest = snapshot("plain").splitlines()
    evil = {**json.loads(header), "vantage": HOSTILE[kind]}
    Path("seen.jsonl").write_text("\n".join([json.dumps(evil), *rest]), encoding="utf-8")
    reports = [f"-o{name}=out{known.suffix}" for name, known in FORMATS.items()]
    code = run(["check", "exposure.yaml", "seen.jsonl", *reports, "--verbose", *NOW])
    told = capsys.readouterr().err
    is_plain(told, "\n")
    no_commands(told)
    if code == 1:
        for name, known in FORMATS.items():
            CHECKS[name]((tmp_path / f"out{known.suffix}").read_bytes())
    else:
        assert (code, told.count("error: ")) in {(2, 1), (4, 1)}, told[:500]


def test_a_sequence_in_the_name_of_a_service_is_seen_as_an_escape(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("exposure.yaml").write_text(policy("plain"), encoding="utf-8")
    service = {"port": "443/tcp", "service": "\x1b[31mred\u202eis", "method": "probed"}
    host = {"host": "web-1", "address": "192.0.2.10", "alive": True, "tcp": {"open": "443"}, "services": [service]}
    lines = [
        {"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-20T08:00:00Z"},
        host,
        {"complete": True, "finished": "2026-11-20T08:00:04Z"},
    ]
    Path("seen.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert run(["check", "exposure.yaml", "seen.jsonl", *NOW]) == 1
    told = capsys.readouterr().out
    assert r"\x1b[31mred\u202eis" in told
    assert "\ufffd" not in told
