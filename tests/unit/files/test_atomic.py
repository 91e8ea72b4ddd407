import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from auditor.errors import ReportError
from auditor.files.atomic import atomic_file, write_atomic


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "out"
    made.mkdir()
    return made


def names_in(folder):
    return [entry.name for entry in folder.iterdir()]


def break_off(target, fault):
    with atomic_file(target) as handle:
        handle.write(b"half of")
        raise fault


def test_the_bytes_become_the_whole_file_and_nothing_else_stays(folder):
    target = folder / "report.json"
    target.write_text("an older and much longer report")
    write_atomic(target, b"new\n")
    assert target.read_bytes() == b"new\n"
    assert names_in(folder) == ["report.json"]


def test_until_the_block_ends_the_old_content_is_what_others_read(folder):
    target = folder / "report.json"
    target.write_text("old")
    with atomic_file(target) as handle:
        handle.write(b"new")
        handle.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("fault", [ValueError("bug"), KeyboardInterrupt(), SystemExit(3)])
def test_a_block_that_fails_leaves_the_old_file_and_no_other(folder, fault):
    target = folder / "report.json"
    target.write_text("old")
    with pytest.raises(type(fault)):
        break_off(target, fault)
    assert target.read_text() == "old"
    assert names_in(folder) == ["report.json"]


def test_a_full_disk_is_one_clear_message_and_leaves_the_old_file(folder):
    target = folder / "report.json"
    target.write_text("old")
    with pytest.raises(ReportError, match=f"^cannot write {target}: No space left on device$"), atomic_file(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert target.read_text() == "old"
    assert names_in(folder) == ["report.json"]


def test_a_full_device_is_a_report_error():
    with pytest.raises(ReportError, match="cannot write /dev/full: No space left on device"):
        write_atomic("/dev/full", b"x")


def test_an_error_about_another_file_is_not_blamed_on_the_report(folder):
    with pytest.raises(FileNotFoundError), atomic_file(folder / "report.json"):
        (folder.parent / "elsewhere" / "template").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/report.json", "No such file or directory"), (".", "Is a directory"), ("plain/x", "Not a directory")],
)
def test_a_place_that_cannot_be_written_names_path_and_reason(folder, name, reason):
    (folder / "plain").write_text("")
    with pytest.raises(ReportError, match=f"cannot write {folder / name}: {reason}"):
        write_atomic(folder / name, b"x")


def test_a_new_file_honours_the_umask_and_an_old_one_keeps_its_mode(folder):
    old = folder / "old"
    old.write_text("")
    old.chmod(0o600)
    before = os.umask(0o027)
    try:
        write_atomic(folder / "new", b"x")
        write_atomic(old, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_its_target_gets_the_bytes(folder):
    target = folder / "real"
    target.write_text("old")
    link = folder / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_the_longest_name_a_folder_allows_can_be_written(folder):
    target = folder / ("n" * 255)
    write_atomic(target, b"x")
    assert target.read_bytes() == b"x"


def test_a_relative_path_is_relative_to_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    write_atomic("report", b"x")
    assert (folder / "report").read_bytes() == b"x"
    with pytest.raises(ReportError, match=r"^cannot write missing/report: No such file or directory$"):
        write_atomic("missing/report", b"x")


def test_a_pipe_is_written_to_and_stays_a_pipe(folder):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_appended_to_even_where_it_is_a_file(folder, path):
    program = f"from auditor.files.atomic import write_atomic; write_atomic({path!r}, b'second')"
    out = folder / "out"
    with out.open("wb") as handle:
        handle.write(b"first ")
        handle.flush()
        subprocess.run([sys.executable, "-c", program], stdout=handle, check=True)
    assert out.read_bytes() == b"first second"


def test_a_descriptor_that_is_not_open_is_a_report_error():
    with pytest.raises(ReportError, match="cannot write /dev/fd/987: Bad file descriptor"):
        write_atomic("/dev/fd/987", b"x")
