"""Where JSON names a key twice, or is too deep."""

import pytest

from auditor.errors import EvidenceError
from auditor.files.documents import read_documents
from auditor.files.json_keys import deepest, repeated_key
from auditor.files.text import SourceText


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ('{"a": 1, "a": 2}', '"a": 2}'),
        ('{"a": {"b": 1}, "b": [{"a": "a"}, {"a": "{"}], "b": 2}', '"b": 2}'),
        ('{"a": "\\\\", "\\u0061": 2}', '"\\u0061": 2}'),
        ('{"a": "\\": {", "c": {"a": 1}, "c": 2}', '"c": 2}'),
    ],
)
def test_the_second_of_two_equal_keys_is_found(text, rest):
    assert text[repeated_key(text) :] == rest


def test_the_deepest_place_is_found():
    assert deepest('{"[[[[": [1, [2]], "b": {}}') == len('{"[[[[": [1, ')


def test_errors_of_json_name_their_line():
    with pytest.raises(EvidenceError, match=r"f\.json:3:2: the key 'spec' is here twice in one object"):
        read_documents(SourceText("f.json", '{"a": {"spec": 1},\n "spec": 1,\n "spec": 2}\n'))
    with pytest.raises(EvidenceError, match=r"f\.json:2:100000: nested too deeply"):
        read_documents(SourceText("f.json", "{\n" + '"a":[' + "[" * 99_995 + "]" * 99_995 + "]}"))
