"""HTTP/1 (RFC 9112) and what speaks it: Kubernetes, kubelet, Docker, etcd. Their relatives rtsp (RFC 2326) and sip."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.identify.answer import Answer, Greeting, Lead, cleaned

if TYPE_CHECKING:
    from auditor.collect.identify.answer import Found, Peer

_STATUS = re.compile(rb"\AHTTP/[12](?:\.\d)? (\d{3})(?:[ \r\n]|\Z)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_SERVER = re.compile(rb"^Server:[ \t]*([^\r\n]{1,200})", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,9})", re.IGNORECASE | re.MULTILINE)
_JSON = re.compile(rb"^Content-Type:[ \t]*application/json", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^Transfer-Encoding:[^\r\n]*chunked", re.IGNORECASE | re.MULTILINE)
_PRODUCT = re.compile(rb"\A([^/(\r\n]+?)(?:/v?([^\s;,()]+))?(?:[\s;,(]|\Z)")
_RELATIVE = re.compile(rb"\A(RTSP|SIP)/\d\.\d \d{3} ")

_KUBERNETES_HEAD = re.compile(rb"^X-Kubernetes-Pf-", re.IGNORECASE | re.MULTILINE)
_GIT_VERSION = re.compile(rb'"gitVersion":\s*"v?([^"]{1,60})"')
_STATUS_KIND = re.compile(rb'"kind":\s*"Status"')
_DOCKER = re.compile(rb"^Server:[ \t]*(Docker|Libpod)/([^\s(]+)", re.IGNORECASE | re.MULTILINE)
_DOCKER_NOT_FOUND = re.compile(rb'\{"message":"page not found"\}')
_DOCKER_HEAD = re.compile(rb"^(?:Api-Version|Libpod-Api-Version|Docker-Experimental):", re.IGNORECASE | re.MULTILINE)
_DOCKER_BODY = re.compile(rb'"(?:ApiVersion|MinAPIVersion)":\s*"')
_VERSION = re.compile(rb'"Version":\s*"([^"]{1,60})"')
_ETCD = re.compile(rb'"etcdserver":\s*"([^"]{1,40})"')
_ELASTIC = re.compile(rb'"tagline"\s*:\s*"You Know, for Search"')
_NUMBER = re.compile(rb'"number"\s*:\s*"([^"]{1,40})"')
_GO_REFUSAL = re.compile(rb"\r\n\r\n(?:Unauthorized|404 page not found\n?)\Z")
_KUBELET_SUBJECT = re.compile(r"(?:\A|,)CN=(?:system:node:\S+|[\w.-]+@\d{9,11})(?:,|\Z)")

_API_PORTS = frozenset({2375, 2376, 2379, 2380, 4001, 6443, 8001, 16443})
"""Where ``/version`` tells more than ``/``: the engine, the cluster."""


def _line(peer: Peer) -> bytes:
    return f"GET {'/version' if peer.port in _API_PORTS else '/'} HTTP/1.1\r\n".encode()


def _headers(peer: Peer) -> bytes:
    host = peer.name if peer.port in (80, 443) else f"{peer.name}:{peer.port}"
    return f"Host: {host}\r\nUser-Agent: exposure-auditor\r\nAccept: */*\r\n\r\n".encode()


def _request(peer: Peer) -> bytes:
    return _line(peer) + _headers(peer)


def http(data: bytes) -> Found:
    """Read a response, or what has come of it. 400 may mean that the port wants TLS."""
    status = _STATUS.match(data)
    if status is None:
        return None
    head, _, body = _parts(data)
    found = _kubernetes(head, body) or _docker(data, head, body) or _etcd(body) or _elastic(body) or _server(head)
    complete = _whole(data)
    if status[1] == b"400" and found.service == "http":
        return Lead(tls=True, instead=found) if complete else _unfinished(found)
    if complete and _DOCKER_NOT_FOUND.search(body) and found.service == "http":
        return Lead(say=b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n", instead=found)
    return found if complete else _unfinished(found)


def relative(data: bytes) -> Found:
    """Read a response of rtsp or sip."""
    found = _RELATIVE.match(data)
    return None if found is None else Answer(service=found[1].decode().lower())


def kubelet(answer: Answer, data: bytes, certificate: str | None) -> Answer:
    """A kubelet tells nothing of itself to strangers: its certificate together with a bare refusal gives it away."""
    if answer.service == "http" and certificate and _KUBELET_SUBJECT.search(certificate) and _GO_REFUSAL.search(data):
        return Answer(service="kubelet", product="kubelet", complete=answer.complete)
    return answer


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    end = _HEAD_END.search(data)
    return (data, b"", b"") if end is None else (data[: end.start()], end[0], data[end.end() :])


def _whole(data: bytes) -> bool:
    """Whether waiting is in vain: the head has ended, and a body is not of interest or has come."""
    head, end, body = _parts(data)
    if not end:
        return False
    length = _LENGTH.search(head)
    if length is not None and int(length[1]) <= 2048:
        return len(body) >= int(length[1])
    if _CHUNKED.search(head) and _JSON.search(head):
        return body.endswith(b"0\r\n\r\n") or len(body) > 2048
    return True


def _kubernetes(head: bytes, body: bytes) -> Answer | None:
    version = _GIT_VERSION.search(body)
    if version or _KUBERNETES_HEAD.search(head) or (_STATUS_KIND.search(body) and b'"apiVersion"' in body):
        return Answer(service="kubernetes", product="Kubernetes", version=cleaned(version[1] if version else None))
    return None


def _docker(data: bytes, head: bytes, body: bytes) -> Answer | None:
    """``data`` may hold a second response, to the question for the version."""
    engine = _DOCKER.search(data)
    if engine is None and not (_DOCKER_HEAD.search(head) or _DOCKER_BODY.search(body)):
        return None
    version = engine[2] if engine else (found[1] if (found := _VERSION.search(body)) else None)
    podman = (engine is not None and engine[1].lower() == b"libpod") or b"Libpod" in head or b"Podman" in body
    return Answer(service="docker", product="Podman" if podman else "Docker", version=cleaned(version))


def _etcd(body: bytes) -> Answer | None:
    found = _ETCD.search(body)
    return None if found is None else Answer(service="etcd", product="etcd", version=cleaned(found[1]))


def _elastic(body: bytes) -> Answer | None:
    if not _ELASTIC.search(body):
        return None
    version = _NUMBER.search(body)
    return Answer(service="http", product="Elasticsearch", version=cleaned(version[1] if version else None))


def _server(head: bytes) -> Answer:
    header = _SERVER.search(head)
    found = _PRODUCT.match(header[1]) if header else None
    product, version = (found[1], found[2]) if found else (None, None)
    return Answer(service="http", product=cleaned(product), version=cleaned(version))


def _unfinished(found: Answer) -> Answer:
    return Answer(service=found.service, product=found.product, version=found.version, complete=False)


RECOGNISERS = (http, relative)
GREETINGS = {
    "http": Greeting(_request),
    "http-line": Greeting(_line, brief=True),  # redis and others answer it, and would take a header for an attack
    "http-headers": Greeting(_headers),
}
