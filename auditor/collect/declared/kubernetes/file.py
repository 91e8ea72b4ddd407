"""A file of Kubernetes objects as evidence: manifests in YAML or JSON, or what ``kubectl get -o`` prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.declared.kubernetes.beginning import is_kustomization
from auditor.collect.declared.kubernetes.entrances import gateway, ingress, istio_gateway, route
from auditor.collect.declared.kubernetes.face import CLASSES, CLUSTER, Face
from auditor.collect.declared.kubernetes.node import MisshapenError
from auditor.collect.declared.kubernetes.pods import makes_pods, unknown_kind, workload
from auditor.collect.declared.kubernetes.resource import Resource, more_after, objects_in
from auditor.collect.declared.kubernetes.services import service
from auditor.collect.declared.kubernetes.unread import unread
from auditor.errors import CutOffError, EvidenceError
from auditor.files.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.collect.declared.kubernetes.node import Node
    from auditor.files.documents import Document
    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation

    Reader = Callable[[Resource], Iterator[Face]]

_READERS: dict[tuple[str, str], Reader] = {
    ("", "Service"): service,
    ("extensions", "Ingress"): ingress,
    ("networking.k8s.io", "Ingress"): ingress,
    ("gateway.networking.k8s.io", "Gateway"): gateway,
    ("gateway.networking.k8s.io", "ListenerSet"): gateway,
    ("gateway.networking.x-k8s.io", "XListenerSet"): gateway,
    ("networking.istio.io", "Gateway"): istio_gateway,
    ("route.openshift.io", "Route"): route,
    ("", "Route"): route,
    ("", "Ingress"): ingress,
}
"""By API group and kind; groups of others use the same kinds for other things."""

_KUSTOMIZE = "kustomize.config.k8s.io"
_TEMPLATED = re.compile(r"^(?:[ \t]*|[^#\n\"']*[:\-][ \t]+)(?:\{\{|\{%).*", re.MULTILINE)


def parse(source: SourceText) -> Iterator[Observation]:
    """Yield what each object opens, place by place; before that, that all places are spoken of.

    :raises EvidenceError: not YAML or JSON, or something from which manifests are yet to be made.
    :raises CutOffError: after the observations, of one page of a list.
    """
    documents = _documents(source)
    objects = tuple(objects_in(documents))
    _refuse_kustomization(source, objects)
    for name in CLASSES:
        yield Face(names=(name, CLUSTER)).observation()
    for found in objects:
        yield from (face.observation() for face in _faces(found))
    if (more := next(more_after(documents), None)) is not None:
        key = more.path[-1]
        raise CutOffError(f"{more.key_location}: this is one page of a list, and more objects follow ('{key}')")


def _documents(source: SourceText) -> tuple[Document, ...]:
    try:
        return read_documents(source)
    except EvidenceError:
        if found := _TEMPLATED.search(source.text):
            where = source.place(found.end() - len(found.group().lstrip()))
            raise EvidenceError(
                f"{where.file}:{where.line}: this is a template: render it first, as with 'helm template'"
            ) from None
        raise


def _refuse_kustomization(source: SourceText, objects: tuple[Resource | Node, ...]) -> None:
    for found in objects:
        if is_kustomization(source.file) or (isinstance(found, Resource) and found.group == _KUSTOMIZE):
            node = found.root if isinstance(found, Resource) else found
            where = f"{node.location.file}:{node.location.line}"
            raise EvidenceError(f"{where}: this is a kustomization: build it first, with 'kustomize build'")


def _faces(found: Resource | Node) -> Iterator[Face]:
    """Read one object; one in which something cannot be what it should be is in doubt as a whole."""
    if not isinstance(found, Resource):
        nameless = Face(names=(CLUSTER, *CLASSES))
        nameless.doubt(f"{found.location.file}:{found.location.line}: this is no object of Kubernetes: it has no kind")
        yield nameless
        return
    known = _READERS.get((found.group, found.kind))
    reader = known or (workload if makes_pods(found) else unknown_kind)
    if doubted := unread(found):
        yield doubted
    try:
        yield from reader(found)
    except MisshapenError as error:
        face = Face(names=(found.name, *CLASSES, CLUSTER))
        face.doubt(str(error))
        yield face
