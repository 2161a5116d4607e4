"""A file exists whole or not at all."""

import os
from pathlib import Path

import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.files import locked, new_folder, replaced, walk


def test_a_written_file_appears_under_its_name_only(tmp_path):
    with replaced(tmp_path / "new" / "a.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.write_text("x")
        assert not (tmp_path / "new" / "a.png").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    assert (tmp_path / "new" / "a.png").stat().st_mode & 0o444 == 0o444


def test_a_failure_keeps_what_stood_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError), replaced(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_its_writer_made_private_is_as_readable_as_any(tmp_path):
    (tmp_path / "plain").touch()
    with replaced(tmp_path / "a") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_other_threads_write_meanwhile_keeps_its_mode(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the mask of the process changed"))
    with replaced(tmp_path / "a"), new_folder(tmp_path / "b"):
        pass
    assert (tmp_path / "a").exists() and (tmp_path / "b").exists()


def test_a_new_folder_appears_whole(tmp_path):
    (tmp_path / "plain").mkdir()
    with new_folder(tmp_path / "new" / "a") as temporary:
        (temporary / "x").write_text("x")
        assert not (tmp_path / "new" / "a").exists()
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["a", "x"]
    assert (tmp_path / "new" / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_fails_or_would_replace_another_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a") as temporary:
        (temporary / "x").write_text("half")
        raise RuntimeError
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    with pytest.raises(OSError), new_folder(tmp_path / "b") as temporary:
        (temporary / "x").write_text("x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["b", "mine"]


def test_one_process_at_a_time_holds_a_lock(tmp_path):
    path = tmp_path / "new" / ".lock"
    held = pytest.raises(UserError, match=r"new: another process writes to this folder now")
    with locked(path, "writes to"), held, locked(path, "writes to"):
        raise AssertionError("not reached")
    with locked(path, "writes to"):
        assert path.is_file()


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    """Permissions do not bind a test that an administrator runs: the system is made to refuse."""
    for name in ("open", "closed", "lost+found"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "open")
    scandir, refused = os.scandir, {"lost+found"}

    def scan(path):
        if Path(path).name in refused:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def found(**options):
        return {root / name for root, _, names in walk(tmp_path, **options) for name in names}

    monkeypatch.setattr(os, "scandir", scan)
    assert found() == {tmp_path / "open" / "a", tmp_path / "closed" / "a"}
    assert found(links=True) == found() | {tmp_path / "linked" / "a"}
    refused.add("closed")
    with pytest.raises(UserError, match=r"closed: this folder cannot be read \(Permission denied"):
        found()
