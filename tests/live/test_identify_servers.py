"""What answers is named as it is: real servers from Debian's packages, on the ports one expects them on and on others.

All are started once, on loopback inside ``tests/isolated``, and asked in one go; each test looks at one family.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.collect.identify import identify
from auditor.model.evidence import Completion, Kind, Observation, Origin
from auditor.model.ports import PortSet

UID_MAP = [int(number) for number in Path("/proc/self/uid_map").read_text().split()]
pytestmark = [
    pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone"),
    pytest.mark.skipif(sum(UID_MAP[2::3]) < 2, reason="servers become other users, and there is only one here"),
]

SBIN = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/lib/dovecot"))
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
SUBJECT = "CN=shop.example,O=The Shop"


class Given:
    """Evidence of these observations."""

    origin = Origin(kind=Kind.PROBE, source="live")
    completion = Completion(complete=True)

    def __init__(self, *seen: Observation) -> None:
        self._seen = seen

    def __iter__(self):
        return iter(self._seen)


class Quiet:
    def progress(self, done, total, opened):
        pass

    def say(self, message):
        pass


def asked(*ports: int, address: str = "127.0.0.1", timeout: float = 2.0, expected=None) -> dict:
    """What is said of each of these ports, by number."""
    seen = Observation(address=address, open=PortSet.numbers(ports))
    (told,) = identify(Given(seen), lambda one: one.open, timeout=timeout, observer=Quiet(), expected=expected)
    assert (told.open, told.closed) == (seen.open, seen.closed)
    return {service.port.number: service for service in told.services}


class Street:
    """Servers, each in a folder of its own below /run, which is the namespace's own and ends with it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._servers: dict[str, tuple[subprocess.Popen, tuple[int, ...]]] = {}
        home.chmod(0o755)

    def home(self, name: str) -> Path:
        folder = self._home / name
        folder.mkdir()
        return folder

    def start(self, name: str, ports: tuple[int, ...], *words: str) -> None:
        log = (self._home / f"{name}.log").open("wb")
        with log:
            process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._home)
        self._servers[name] = (process, ports)

    def wait(self) -> None:
        deadline = time.monotonic() + 40
        waiting = dict(self._servers)
        while waiting:
            up = {
                int(line.split()[1].rpartition(":")[2], 16)
                for table in ("tcp", "tcp6")
                for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
                if line.split()[3] == LISTEN
            }
            waiting = {name: (process, ports) for name, (process, ports) in waiting.items() if not set(ports) <= up}
            late = [name for name, (process, _) in waiting.items() if process.poll() or time.monotonic() > deadline]
            assert not late, "\n".join(
                f"{name}: {(self._home / name).with_suffix('.log').read_text()}" for name in late
            )
            time.sleep(0.05)

    def stop(self) -> None:
        for process, _ in self._servers.values():
            process.terminate()
        for process, _ in self._servers.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            process.wait(timeout=10)


def program(name: str) -> str:
    """Where the program is; without it the test is skipped, or fails where CI is true."""
    found = shutil.which(name, path=SBIN)
    if found is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{name} is not installed")
    return found


def self_signed(home: Path) -> tuple[Path, Path]:
    key, certificate = home / "key.pem", home / "cert.pem"
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    paths = ["-subj", "/O=The Shop/CN=shop.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([program("openssl"), "req", "-x509", *words, *paths], check=True, capture_output=True, timeout=100)
    return key, certificate


def sshd(street: Street, *ports: int) -> None:
    home = street.home("sshd")
    Path("/run/sshd").mkdir(exist_ok=True)
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=100)
    listens = "".join(f"Port {port}\n" for port in ports)
    (home / "conf").write_text(f"HostKey {key}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n{listens}")
    street.start("sshd", ports, program("sshd"), "-D", "-e", "-f", str(home / "conf"))


def nginx(street: Street, key: Path, certificate: Path) -> None:
    home = street.home("nginx")
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "conf").write_text(
        f"daemon off; user root; worker_processes 1; pid {home}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; {temporary} ssl_certificate {certificate}; ssl_certificate_key {key};\n"
        "server { listen 80; listen 8081; listen [::]:8082; return 200; }\n"
        "server { listen 8443 ssl; listen 9999 ssl; return 200; } }\n"
    )
    street.start("nginx", (80, 8081, 8082, 8443, 9999), program("nginx"), "-p", str(home), "-c", str(home / "conf"))


def redis(street: Street, name: str, port: int, *options: str) -> None:
    words = ("--port", str(port), "--save", "", "--dir", str(street.home(name)), "--daemonize", "no", *options)
    street.start(name, (port,), program("redis-server"), *words)


def postgres(street: Street, key: Path, certificate: Path) -> None:
    if not POSTGRES:
        program("postgres")
    home = street.home("postgres")
    data = home / "data"
    for source in (key, certificate):
        shutil.copy(source, home)
    for path in (home, *home.iterdir()):
        shutil.chown(path, "postgres", "postgres")
    somebody = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    made = ("-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8")
    subprocess.run([*somebody, str(POSTGRES[-1] / "initdb"), *made], check=True, timeout=200, capture_output=True)
    run = (*somebody, str(POSTGRES[-1] / "postgres"), "-D", str(data), "-c", f"unix_socket_directories={data}")
    street.start("postgres", (5432,), *run, "-p", "5432")
    shutil.copytree(data, home / "secure")
    secure = home / "secure"
    for path in (secure, *secure.rglob("*")):
        shutil.chown(path, "postgres", "postgres")
    run = (*somebody, str(POSTGRES[-1] / "postgres"), "-D", str(secure), "-c", f"unix_socket_directories={secure}")
    options = ("ssl=on", f"ssl_cert_file={home / 'cert.pem'}", f"ssl_key_file={home / 'key.pem'}")
    street.start("postgres-tls", (7777,), *run, "-p", "7777", *(word for each in options for word in ("-c", each)))


def mariadb(street: Street) -> None:
    home = street.home("mariadb")
    made = ("--no-defaults", "--user=root", f"--datadir={home}/data", "--auth-root-authentication-method=normal")
    subprocess.run(
        [program("mariadb-install-db"), *made, "--skip-test-db"], check=True, timeout=200, capture_output=True
    )
    where = (f"--datadir={home}/data", f"--socket={home}/socket", f"--pid-file={home}/pid", "--port=3306")
    street.start("mariadb", (3306,), program("mariadbd"), "--no-defaults", "--user=root", *where)


def small_servers(street: Street, key: Path, certificate: Path) -> None:
    street.start("memcached", (11211,), program("memcached"), "-u", "root", "-p", "11211", "-U", "0")
    street.start("memcached-other", (12000,), program("memcached"), "-u", "root", "-p", "12000", "-U", "0")
    street.start("dnsmasq", (53,), program("dnsmasq"), "-k", "--user=root", "--no-resolv", "--no-hosts", "-C/dev/null")
    home = street.home("mosquitto")
    secured = f"certfile {certificate}\nkeyfile {key}\n"
    (home / "conf").write_text(f"user root\nallow_anonymous false\nlistener 1883\nlistener 8883\n{secured}")
    street.start("mosquitto", (1883, 8883), program("mosquitto"), "-c", str(home / "conf"))
    home = street.home("rsync")
    (home / "conf").write_text("use chroot = no\n")
    rsync = (program("rsync"), "--daemon", "--no-detach", "--port=873", f"--config={home / 'conf'}")
    street.start("rsync", (873,), *rsync)


def slapd(street: Street, key: Path, certificate: Path) -> None:
    home = street.home("slapd")
    (home / "db").mkdir()
    (home / "conf").write_text(
        f"include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        f"TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n"
        f'database mdb\nsuffix "dc=example"\ndirectory {home}/db\n'
    )
    urls = "ldap://0.0.0.0:389 ldaps://0.0.0.0:636 ldap://0.0.0.0:10389"
    street.start("slapd", (389, 636, 10389), program("slapd"), "-d", "0", "-f", str(home / "conf"), "-h", urls)


def vsftpd(street: Street) -> None:
    home = street.home("vsftpd")
    (home / "empty").mkdir()
    (home / "conf").write_text(
        f"listen=YES\nlisten_port=21\nbackground=NO\nsecure_chroot_dir={home}/empty\nanonymous_enable=NO\n"
        "local_enable=YES\npam_service_name=vsftpd\nseccomp_sandbox=NO\n"
    )
    street.start("vsftpd", (21,), program("vsftpd"), str(home / "conf"))


def dovecot(street: Street, key: Path, certificate: Path) -> None:
    home = street.home("dovecot")
    (home / "conf").write_text(
        f"base_dir = {home}/run\nstate_dir = {home}/state\nlog_path = /dev/stderr\nprotocols = imap pop3\nssl = yes\n"
        f"ssl_cert = <{certificate}\nssl_key = <{key}\n"
        "passdb {\n  driver = static\n  args = nopassword=n\n}\n"
    )
    street.start("dovecot", (110, 143, 993, 995), program("dovecot"), "-F", "-c", str(home / "conf"))


EVERY_PORT = (
    22, 443, 2222, 80, 8081, 8443, 9999, 6379, 6390, 7000, 5432, 7777, 3306, 11211, 12000, 53, 1883, 8883, 873, 389,
    636, 10389, 21, 110, 143, 993, 995,
)  # fmt: skip


@pytest.fixture(scope="module")
def answers():
    """What was said of every port, with the servers still there."""
    street = Street(Path(tempfile.mkdtemp(prefix="street-", dir="/run")))
    try:
        key, certificate = self_signed(street.home("openssl"))
        sshd(street, 22, 2222, 443)
        nginx(street, key, certificate)
        redis(street, "redis", 6379, "--protected-mode", "no")
        redis(street, "redis-password", 6390, "--requirepass", "word")
        redis(street, "redis-other", 7000, "--protected-mode", "no")
        postgres(street, key, certificate)
        mariadb(street)
        small_servers(street, key, certificate)
        slapd(street, key, certificate)
        vsftpd(street)
        dovecot(street, key, certificate)
        street.wait()
        before = time.monotonic()
        found = asked(*EVERY_PORT, expected=lambda _, port: ("ldap",) if port.number == 10389 else ())
        assert time.monotonic() - before < 60
        yield found
    finally:
        street.stop()


def named(answers, *ports: int) -> set:
    return {(answers[port].service, answers[port].tls) for port in ports if port in answers}


def test_ssh_is_ssh_on_every_port(answers):
    assert named(answers, 22, 443, 2222) == {("ssh", False)}
    assert {answers[port].product for port in (22, 443, 2222)} == {"OpenSSH"}
    assert answers[22].version[0].isdigit()


def test_http_is_told_from_https_wherever_they_are(answers):
    assert named(answers, 80, 8081) == {("http", False)}
    assert named(answers, 8443, 9999) == {("http", True)}
    assert {answers[port].product for port in (80, 8081, 8443, 9999)} == {"nginx"}


@pytest.mark.parametrize("port", [8443, 9999, 8883, 636, 993, 995, 7777])
def test_a_certificate_is_recorded_with_its_end(answers, port):
    assert answers[port].certificate == SUBJECT
    assert 88 <= (answers[port].certificate_expires - datetime.now(UTC)).days <= 90


def test_redis_is_recognised_with_and_without_a_password_and_on_another_port(answers):
    assert named(answers, 6379, 6390, 7000) == {("redis", False)}
    assert {6379, 6390, 7000} <= set(answers)


def test_postgresql_is_recognised_with_and_without_tls_and_on_another_port(answers):
    assert named(answers, 5432, 7777) == {("postgresql", False)}
    assert {5432, 7777} <= set(answers)


def test_mariadb_tells_its_version(answers):
    assert (answers[3306].service, answers[3306].product) == ("mysql", "MariaDB")
    assert answers[3306].version[0].isdigit()


def test_memcached_is_recognised_on_another_port_too(answers):
    assert named(answers, 11211, 12000) == {("memcached", False)}
    assert answers[12000].version[0].isdigit()


def test_dns_tells_what_serves_it(answers):
    assert (answers[53].service, answers[53].product) == ("dns", "dnsmasq")


def test_mqtt_is_recognised_though_it_refuses_strangers(answers):
    assert answers[1883].service == "mqtt"
    assert (answers[8883].service, answers[8883].tls) == ("mqtt", True)


def test_ldap_is_recognised_also_where_only_the_policy_expects_it(answers):
    assert named(answers, 389, 10389) == {("ldap", False)}
    assert 10389 in answers
    assert (answers[636].service, answers[636].tls) == ("ldap", True)


def test_servers_that_greet_are_recognised_by_their_greeting(answers):
    assert (answers[21].service, answers[21].product) == ("ftp", "vsFTPd")
    assert (answers[873].service, answers[110].service, answers[143].service) == ("rsync", "pop3", "imap")
    assert answers[143].product == "Dovecot"
    assert named(answers, 993) == {("imap", True)}
    assert named(answers, 995) == {("pop3", True)}


def test_every_answer_was_spoken_and_is_fit_to_be_shown(answers):
    for service in answers.values():
        assert service.method == "probed"
        for text in (service.service, service.product, service.version, service.certificate):
            assert text is None or (text.isprintable() and len(text) <= 256)


def test_ipv6_is_asked_like_ipv4(answers):
    assert answers
    assert asked(8082, address="::1")[8082].service == "http"


def test_a_port_that_has_closed_since_is_not_named(answers):
    assert answers
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert asked(taken.getsockname()[1]) == {}
