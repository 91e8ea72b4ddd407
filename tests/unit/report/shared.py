"""Files that lie beside a checkout, shared between projects: official schemas among them."""

import json
import os
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

_SHARED = Path(__file__).parents[4] / "shared"


def shared(name):
    """The path of a shared file; where there is none the test is skipped, and fails in CI, which has it."""
    path = _SHARED / name
    if not path.exists():
        reason = f"{path} is not on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(path)


@cache
def oscal_schema():
    """A validator of OSCAL 1.1.3, its patterns in the words of Python's regular expressions."""
    text = Path(shared("schemas/oscal_complete_schema-1.1.3.json")).read_text("utf-8")
    return Draft7Validator(json.loads(text.replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d")))
