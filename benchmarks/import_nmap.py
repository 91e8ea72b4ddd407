"""Times ``auditor import`` beside python-libnmap on one large nmap XML file, and the memory that each takes.

All are whole processes, one after the other in turn, so that what else the machine does meets them all. Files are made
from a seed in a temporary folder, where python-libnmap is installed too: no dependency of ours. A file of a quarter of
the size shows whether the importer's memory grows with it.

The files are as nmap has written them since version 7.92, which names the ports that it counts: of hosts that list few
ports one by one, of hosts that list many, and of hosts that were asked a thousand ports all over, as by default. There
the names alone take four of five bytes, which we read and python-libnmap passes over.

python-libnmap only reads, ours writes a snapshot besides. *reading alone* counts open ports, as python-libnmap's run
does, in one process. Seconds of the processor include those of further processes; memory is the largest process's.

Usage: python benchmarks/import_nmap.py [MEGABYTES ROUNDS]      (default: 200 3)
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

SEED = 20261120
MB = 1_000_000
SMALLER = 4
SHAPES = {"few": (8, range(1, 1001)), "many": (80, range(1, 1001)), "few of the usual": (8, range(1, 65536, 97))}
"""The most ports that a host lists by themselves, and which ports are asked."""
PEER = "python-libnmap==0.7.3"
AUDITOR = str(Path(sys.executable).with_name("auditor"))
PARSE = """
import sys
from libnmap.parser import NmapParser
print(sum(len(host.get_open_ports()) for host in NmapParser.parse_fromfile(sys.argv[1]).hosts))
"""
READ = """
import sys
from auditor.collect.registry import open_evidence
print(sum(len(seen.open) for seen in open_evidence(sys.argv[1])))
"""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>
<nmaprun scanner="nmap" args="nmap -sS -sV -oX scan.xml 10.0.0.0/8" start="1763625600" \
startstr="Thu Nov 20 08:00:00 2025" version="7.95" xmloutputversion="1.05">
<scaninfo type="syn" protocol="tcp" numservices="{}" services="{}"/>
<verbose level="0"/>
<debugging level="0"/>
"""
TAIL = """<runstats><finished time="1763712000" timestr="Fri Nov 21 08:00:00 2025" elapsed="86400.00" \
summary="Nmap done" exit="success"/><hosts up="{0}" down="0" total="{0}"/>
</runstats>
</nmaprun>
"""
SERVICES = (
    ("ssh", "OpenSSH", "9.2p1 Debian 2+deb12u3", "cpe:/a:openbsd:openssh:9.2p1"),
    ("smtp", "Postfix smtpd", "", "cpe:/a:postfix:postfix"),
    ("domain", "ISC BIND", "9.18.28", "cpe:/a:isc:bind:9.18.28"),
    ("http", "nginx", "1.22.1", "cpe:/a:igor_sysoev:nginx:1.22.1"),
    ("http", "Apache httpd", "2.4.62", "cpe:/a:apache:http_server:2.4.62"),
    ("imap", "Dovecot imapd", "", "cpe:/a:dovecot:dovecot"),
    ("netbios-ssn", "Samba smbd", "4", "cpe:/a:samba:samba:4"),
    ("rsync", "", "", ""),
)
STATES = (("open", "syn-ack"), ("open", "syn-ack"), ("filtered", "no-response"))


def port_text(number: int, state: str, reason: str) -> str:
    """One port as ``nmap -sV`` writes it."""
    name, product, version, cpe = SERVICES[number % len(SERVICES)]
    known = f' product="{product}" version="{version}"' if product and state == "open" else ""
    told = f'method="probed" conf="10"><cpe>{cpe}</cpe></service>' if known else 'method="table" conf="3"/>'
    return (
        f'<port protocol="tcp" portid="{number}"><state state="{state}" reason="{reason}" reason_ttl="62"/>'
        f'<service name="{name}"{known} {told}</port>\n'
    )


def ranges_text(ports: Iterable[int]) -> str:
    """Ascending ports as nmap lists them: ``1-21,23,25``."""
    texts = []
    for _, run in groupby(enumerate(ports), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        texts.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return ",".join(texts)


def host_text(number: int, chance: random.Random, most: int, ports: Sequence[int]) -> str:
    """One host that is up, with some ports by themselves and the others counted and named."""
    listed = [(port, *chance.choice(STATES)) for port in sorted(chance.sample(ports, chance.randint(1, most)))]
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    named = {port for port, _, _ in listed}
    shut = [port for port in ports if port not in named]
    return (
        f'<host starttime="{1763625600 + number}" endtime="{1763625660 + number}">'
        '<status state="up" reason="echo-reply" reason_ttl="62"/>\n'
        f'<address addr="{address}" addrtype="ipv4"/>\n'
        f'<hostnames>\n<hostname name="host-{number}.example.com" type="PTR"/>\n</hostnames>\n'
        f'<ports><extraports state="closed" count="{len(shut)}">\n'
        f'<extrareasons reason="reset" count="{len(shut)}" proto="tcp" ports="{ranges_text(shut)}"/>\n'
        f"</extraports>\n{''.join(port_text(*port) for port in listed)}</ports>\n"
        '<times srtt="1042" rttvar="331" to="100000"/>\n</host>\n'
    )


def write(path: Path, size: int, most: int, ports: Sequence[int]) -> None:
    """Write hosts with up to ``most`` ports each, the same ones each time, until the file has so many bytes."""
    chance, written, number = random.Random(SEED), 0, 0  # noqa: S311 - the same file each time
    with path.open("w", encoding="ascii") as file:
        file.write(HEAD.format(len(ports), ranges_text(ports)))
        while written < size:
            number += 1
            written += file.write(host_text(number, chance, most, ports))
        file.write(TAIL.format(number))


class Run(NamedTuple):
    """What one process took: seconds of the clock and of the processor, and its peak memory in MB."""

    clock: float
    processor: float
    memory: float


def measured(command: list[str]) -> Run:
    """Run a program to its end."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with exit code {process.returncode}")
    return Run(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / MB)


def installed(folder: Path) -> str:
    """Make an environment with python-libnmap in it; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", PEER], check=True)
    return python


def compared(folder: Path, theirs: list[str], size: int, rounds: int, shape: str) -> None:
    """Print what all take for one file, and what ours takes for a smaller one."""
    large, small = folder / "large.xml", folder / "small.xml"
    write(large, size, *SHAPES[shape])
    write(small, size // SMALLER, *SHAPES[shape])
    ours = [AUDITOR, "import", "--save", str(folder / "seen.jsonl")]
    programs = {"auditor import": ours, "reading alone": [sys.executable, "-c", READ], "python-libnmap": theirs}
    runs = [[measured([*command, str(large)]) for command in programs.values()] for _ in range(rounds)]
    print(f"{size / MB:.0f} MB, {shape} ports a host, {rounds} rounds")
    print("                  clock  processor    memory  times as fast as python-libnmap: clock, processor")
    for place, name in enumerate(programs):
        clock, processor = (statistics.median(run[place][what] for run in runs) for what in (0, 1))
        memory = max(run[place].memory for run in runs)
        ratios = "  ".join(ratio_text([run[-1][what] / run[place][what] for run in runs]) for what in (0, 1))
        print(f"{name:14} {clock:6.2f} s   {processor:6.2f} s  {memory:5.0f} MB  {ratios}")
    print(f"a quarter of it, auditor import: {measured([*ours, str(small)]).memory:.0f} MB\n")


def ratio_text(ratios: list[float]) -> str:
    """The median, the lowest and the highest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Print medians, ratios and peak memory for each kind of file."""
    size, rounds = (int(text) for text in (sys.argv[1:] or ["200", "3"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            python = installed(folder / "peer")
        except subprocess.CalledProcessError:
            sys.exit(f"{PEER} cannot be installed: importing nmap's XML was not measured")
        for shape in SHAPES:
            compared(folder, [python, "-c", PARSE], size * MB, rounds, shape)


if __name__ == "__main__":
    main()
