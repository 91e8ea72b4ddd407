"""Times ``auditor import`` beside python-libnmap on one large nmap XML file, and the memory that each takes.

Both are whole processes, one after the other in turn, so that what else the machine does meets both. The file is made
from a seed in a temporary folder, where python-libnmap is installed too: no dependency of ours. A file of a quarter of
the size shows whether the importer's memory grows with it.

There are two such files: of hosts that list few ports one by one, and of hosts that list many. python-libnmap only
reads them, ours writes a snapshot besides.

Usage: python benchmarks/import_nmap.py [MEGABYTES ROUNDS]      (default: 200 3)
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = 20261120
MB = 1_000_000
SMALLER = 4
SHAPES = {"few": 8, "many": 80}
"""The most ports that a host lists by themselves."""
PEER = "python-libnmap==0.7.3"
AUDITOR = str(Path(sys.executable).with_name("auditor"))
PARSE = """
import sys
from libnmap.parser import NmapParser
print(sum(len(host.get_open_ports()) for host in NmapParser.parse_fromfile(sys.argv[1]).hosts))
"""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<?xml-stylesheet href="file:///usr/bin/../share/nmap/nmap.xsl" type="text/xsl"?>
<nmaprun scanner="nmap" args="nmap -sS -sV -p1-1000 -oX scan.xml 10.0.0.0/8" start="1763625600" \
startstr="Thu Nov 20 08:00:00 2025" version="7.93" xmloutputversion="1.05">
<scaninfo type="syn" protocol="tcp" numservices="1000" services="1-1000"/>
<verbose level="0"/>
<debugging level="0"/>
"""
TAIL = """<runstats><finished time="1763712000" timestr="Fri Nov 21 08:00:00 2025" elapsed="86400.00" \
summary="Nmap done" exit="success"/><hosts up="{0}" down="0" total="{0}"/>
</runstats>
</nmaprun>
"""
PORTS = 1000
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


def host_text(number: int, chance: random.Random, most: int) -> str:
    """One host that is up, with some ports by themselves and the others counted."""
    listed = [
        (port, *chance.choice(STATES)) for port in sorted(chance.sample(range(1, PORTS + 1), chance.randint(1, most)))
    ]
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    shut = PORTS - len(listed)
    return (
        f'<host starttime="{1763625600 + number}" endtime="{1763625660 + number}">'
        '<status state="up" reason="echo-reply" reason_ttl="62"/>\n'
        f'<address addr="{address}" addrtype="ipv4"/>\n'
        f'<hostnames>\n<hostname name="host-{number}.example.com" type="PTR"/>\n</hostnames>\n'
        f'<ports><extraports state="closed" count="{shut}">\n<extrareasons reason="reset" count="{shut}"/>\n'
        f"</extraports>\n{''.join(port_text(*port) for port in listed)}</ports>\n"
        '<times srtt="1042" rttvar="331" to="100000"/>\n</host>\n'
    )


def write(path: Path, size: int, most: int) -> None:
    """Write hosts with up to ``most`` ports each, the same ones each time, until the file has so many bytes."""
    chance, written, number = random.Random(SEED), 0, 0  # noqa: S311 - the same file each time
    with path.open("w", encoding="ascii") as file:
        file.write(HEAD)
        while written < size:
            number += 1
            written += file.write(host_text(number, chance, most))
        file.write(TAIL.format(number))


def measured(command: list[str]) -> tuple[float, float]:
    """Run a program to its end: seconds, and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} ended with exit code {process.returncode}")
    return time.perf_counter() - started, used.ru_maxrss * 1024 / MB


def installed(folder: Path) -> str:
    """Make an environment with python-libnmap in it; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", PEER], check=True)
    return python


def compared(folder: Path, theirs: list[str], size: int, rounds: int, shape: str) -> None:
    """Print what both take for one file, and what ours takes for a smaller one."""
    large, small = folder / "large.xml", folder / "small.xml"
    write(large, size, SHAPES[shape])
    write(small, size // SMALLER, SHAPES[shape])
    ours = [AUDITOR, "import", "--save", str(folder / "seen.jsonl")]
    runs = [(measured([*ours, str(large)]), measured([*theirs, str(large)])) for _ in range(rounds)]
    ratios = sorted(peer[0] / mine[0] for mine, peer in runs)
    print(f"{size / MB:.0f} MB, {shape} ports a host, {rounds} rounds")
    for name, place in (("auditor import", 0), ("python-libnmap", 1)):
        seconds = statistics.median(run[place][0] for run in runs)
        print(f"{name}  {seconds:7.2f} s  {max(run[place][1] for run in runs):7.0f} MB")
    print(f"times as fast   {statistics.median(ratios):7.2f}    ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"a quarter of it, auditor import: {measured([*ours, str(small)])[1]:.0f} MB\n")


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
