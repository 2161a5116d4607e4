"""A file exists whole or not at all."""

import pytest

from onenoise_jax.core.files import replaced


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
