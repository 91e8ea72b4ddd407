"""Terraform and OpenTofu plans and states as declared evidence: ``terraform show -json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.declared.infrastructure.origin import Origins
from auditor.collect.declared.infrastructure.plan import is_plan, plan_of
from auditor.collect.declared.infrastructure.references import References
from auditor.collect.declared.infrastructure.subject import Subject, observations
from auditor.collect.declared.infrastructure.terraform_aws import AwsGroups
from auditor.collect.declared.infrastructure.terraform_azure import AzureGroups
from auditor.collect.declared.infrastructure.terraform_balancers import balancers
from auditor.collect.declared.infrastructure.terraform_google import GoogleFirewalls
from auditor.collect.declared.infrastructure.unread import unread
from auditor.errors import EvidenceError
from auditor.files.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation


def parse(source: SourceText) -> Iterator[Observation]:
    """Read a plan or a state: each thing that lets others in, with its names, and what is not yet known of it.

    :raises EvidenceError: not JSON, or not of ``show -json``.
    """
    (document,) = read_documents(source)
    if not is_plan(document.data):
        raise EvidenceError(f"{source.file}: this is no plan or state in JSON: write it with 'terraform show -json'")
    plan = plan_of(document.data)
    references = References(plan)
    origins = Origins(plan, document)
    subjects = [
        *AwsGroups(plan, references, origins).subjects(),
        *GoogleFirewalls(plan, references).subjects(),
        *AzureGroups(plan, references, origins).subjects(),
    ]
    subjects += list(balancers(plan, references))
    subjects += list(unread(plan, origins, told=bool(subjects)))
    if plan.doubts:
        subjects.append(Subject(name="plan", doubts=plan.doubts))
    for subject in subjects:
        subject.rules = [origins.located(rule) for rule in subject.rules]
    yield from observations(subjects)
