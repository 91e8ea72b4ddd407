"""Files that are no policies at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.errors import ExitCode, PolicyError
from auditor.files.text import MAX_BYTES, read_text
from auditor.policy.load import load_policy

POLICY = b"version: 1\nhosts: {web: 192.0.2.1}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(content: bytes) -> str:
    with open("p.yaml", "wb") as file:  # noqa: PTH123 - relative to the folder the fixture enters
        file.write(content)
    return refusal_of("p.yaml")


def refusal_of(name: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(name)
    assert caught.value.exit_code == ExitCode.USAGE
    return str(caught.value)


def test_a_missing_file_is_named():
    assert refusal_of("nowhere.yaml") == "nowhere.yaml: no such file"


def test_a_directory_is_no_policy(tmp_path):
    (tmp_path / "policies").mkdir()
    assert refusal_of("policies") == "policies: this is a directory; expected a file"


def test_a_path_through_a_file_is_an_error(tmp_path):
    (tmp_path / "p.yaml").write_bytes(POLICY)
    assert refusal_of("p.yaml/inside") == "p.yaml/inside: the file cannot be read: Not a directory"


def test_a_device_is_no_policy():
    assert refusal_of("/dev/zero") == "/dev/zero: this is a device or socket; expected a file"


def test_a_name_with_a_nul_is_an_error():
    assert refusal_of("a\0b") == "a\0b: this cannot be the name of a file"


def test_a_circle_of_links_is_an_error(tmp_path):
    (tmp_path / "link").symlink_to("link")
    assert refusal_of("link") == "link: the file cannot be read: Too many levels of symbolic links"


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"], ids=repr)
def test_an_empty_file_is_an_error(content):
    assert refusal(content) == "p.yaml: the file is empty"


def test_a_binary_file_is_an_error():
    content = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0\xf0\xff\xfe"
    assert refusal(content) == "p.yaml: the file is binary (byte 0xf0 at offset 24); expected UTF-8 text"


def test_a_program_whose_bytes_are_all_characters_is_binary():
    expected = "p.yaml:1:8: found a NUL byte: the file is binary; expected text without control characters"
    assert refusal(b"\x7fELF\x02\x01\x01\0\0") == expected
    assert refusal(b"\x7fELF").startswith("p.yaml:1:1: the file is binary: a program")


def test_a_nul_byte_is_an_error_with_its_line():
    expected = "p.yaml:3:5: found a NUL byte: the file is binary; expected text without control characters"
    assert refusal(POLICY + b"name\0: x\n") == expected


@pytest.mark.parametrize(("character", "code"), [("\x1b", "001B"), ("\x85", "0085"), ("\u2028", "2028")])
def test_a_control_character_is_an_error_with_its_line(character, code):
    content = POLICY + f"name: a{character}b\n".encode()
    expected = f"p.yaml:3:8: found the character U+{code}; expected text without control characters"
    assert refusal(content) == expected


def test_invalid_utf_8_is_an_error_with_its_byte_and_line():
    content = POLICY + "name: ü".encode() + b"\xff\n"
    assert refusal(content) == "p.yaml:3:8: byte 0xff at offset 43 is not valid UTF-8; expected UTF-8 text"


def test_utf_16_is_an_error():
    assert refusal("version: 1\n".encode("utf-16")) == "p.yaml: the file is UTF-16; expected UTF-8"


def test_a_hundred_megabytes_are_refused_by_size_alone(tmp_path):
    with (tmp_path / "p.yaml").open("wb") as file:
        os.truncate(file.fileno(), 100_000_000)
    assert refusal_of("p.yaml") == f"p.yaml: the file is too large; expected at most {MAX_BYTES // 1024} KiB"


def test_a_byte_order_mark_moves_no_column(tmp_path):
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbf" + POLICY)
    assert load_policy("p.yaml").hosts["web"].location.column == 9
    assert refusal(b"\xef\xbb\xbfverzion: 1") == (
        "p.yaml:1:1: the policy lacks 'version'\np.yaml:1:1: unknown key 'verzion'; did you mean 'version'?"
    )


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_other_systems_count_as_one(tmp_path, end):
    (tmp_path / "p.yaml").write_bytes(POLICY.replace(b"\n", end))
    place = load_policy("p.yaml").hosts["web"].location
    assert (str(place), place.snippet) == ("p.yaml:2:9", "hosts: {web: 192.0.2.1}")


def test_a_pipe_without_an_end_is_read_up_to_the_limit():
    reading, writing = os.pipe()
    os.write(writing, POLICY)
    with pytest.raises(PolicyError, match="the file is too large"):
        read_text(Path(f"/dev/fd/{reading}"), "pipe", limit=10)
    os.close(reading)
    os.close(writing)


def test_a_policy_may_come_through_a_pipe():
    reading, writing = os.pipe()
    os.write(writing, POLICY)
    os.close(writing)
    assert load_policy(f"/dev/fd/{reading}").hosts
    os.close(reading)
