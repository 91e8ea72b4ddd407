"""How plans, templates and listings begin: a look at the first 64 KiB."""

from __future__ import annotations

import re

_TERRAFORM = re.compile(r'\{\s*"format_version"\s*:\s*"')
_TERRAFORM_PART = re.compile(
    r'"(?:terraform_version|planned_values|resource_changes|configuration|values|variables|applyable)"\s*:'
)
_TEMPLATE = re.compile(r"(?:^[ \t{]*|[{,]\s{0,99})[\"']?(?:AWSTemplateFormatVersion|Resources)[\"']?\s*:", re.MULTILINE)
_TEMPLATE_RESOURCE = re.compile(
    r"^[ \t{]*[\"']?AWSTemplateFormatVersion[\"']?\s*:|[\"']?Type[\"']?\s{0,99}:\s{0,99}[\"']?[A-Za-z0-9]{1,64}::\w",
    re.MULTILINE,
)
_LISTING = re.compile(r'\{\s*"SecurityGroups"\s*:\s*\[')


def is_terraform(text: str) -> bool:
    """Whether it is a plan or a state of ``show -json``: an object that begins with the version of its format."""
    return _TERRAFORM.match(text) is not None and _TERRAFORM_PART.search(text) is not None


def is_cloudformation(text: str) -> bool:
    """Whether it is a template: it says so, or has resources whose types are of its form (``AWS::EC2::Instance``)."""
    return _TEMPLATE.search(text) is not None and _TEMPLATE_RESOURCE.search(text) is not None


def is_aws_listing(text: str) -> bool:
    """Whether it is what ``aws ec2 describe-security-groups`` prints."""
    return _LISTING.match(text) is not None
