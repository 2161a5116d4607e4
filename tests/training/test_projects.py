"""Projects: which folder a run gets, and which run was active last."""

from pathlib import Path

import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.training import projects, workdir
from onenoise_jax.training.loop import train
from tests.training import toy

CONFIG = {"family": "toy", "train": {"steps": 6}, "data": {"source": "here"}, "rate": 1.0}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty folder of runs that is the one everybody uses."""
    monkeypatch.setenv(projects.VARIABLE, str(tmp_path / "runs"))
    return projects.runs_folder()


def begun(runs, name, config=CONFIG):
    """The folder of a run that has only been begun."""
    workdir.claim(runs / name, config)
    return runs / name


def other(rate):
    return CONFIG | {"rate": rate}


def test_runs_are_in_runs_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv(projects.VARIABLE)
    assert projects.runs_folder() == Path("runs")


def test_a_new_experiment_gets_the_plain_name_and_nothing_is_made(runs):
    assert projects.project_folder(runs, "toy-a", CONFIG) == runs / "toy-a"
    assert not runs.exists()


def test_the_same_config_goes_on_in_its_own_folder_wherever_it_is(runs, capsys):
    for name, rate in (("toy-a", 1.0), ("toy-a-2", 2.0), ("toy-a-10", 3.0), ("toy-b", 4.0)):
        begun(runs, name, other(rate))
    assert projects.project_folder(runs, "toy-a", other(1.0)) == runs / "toy-a"
    assert capsys.readouterr().out == ""
    assert projects.project_folder(runs, "toy-a", other(3.0)) == runs / "toy-a-10"
    (runs / "toy-a" / "config.json").unlink()
    (runs / "toy-a").rmdir()
    assert projects.project_folder(runs, "toy-a", other(2.0)) == runs / "toy-a-2"
    assert projects.project_folder(runs, "toy-a", other(4.0)) == runs / "toy-a"
    begun(runs, "toy-a-11", other(2.0))  # Of two of one config, the lower number is meant.
    assert projects.project_folder(runs, "toy-a", other(2.0)) == runs / "toy-a-2"


def test_options_that_do_not_alter_learning_may_differ(runs):
    begun(runs, "toy-a")
    changed = CONFIG | {"train": {"steps": 9, "wandb": "mine"}, "data": {"source": "there"}}
    assert projects.project_folder(runs, "toy-a", changed, ("data.source",)) == runs / "toy-a"
    assert projects.project_folder(runs, "toy-a", changed) == runs / "toy-a-2"


def test_another_config_gets_a_free_name_and_is_told_so(runs, capsys):
    begun(runs, "toy-a")
    begun(runs, "toy-a-2", other(2.0))
    assert projects.project_folder(runs, "toy-a", other(3.0)) == runs / "toy-a-3"
    told = capsys.readouterr().out
    assert f"{runs / 'toy-a'} has another config (config.rate: 1.0 there, 3.0 now)." in told
    assert f"This run is a new one, in {runs / 'toy-a-3'}." in told


def test_what_is_no_run_is_left_alone_and_an_empty_folder_is_taken(runs):
    (runs / "toy-a").mkdir(parents=True)
    (runs / "toy-a" / "photo.png").write_text("mine")
    (runs / "toy-a-2").write_text("a file")
    (runs / "toy-a-3").symlink_to("nowhere")
    (runs / "toy-a-4").mkdir()
    (runs / "toy-a-4" / "config.json").write_text('{"model": {}, "family": "toy"}')  # Weights.
    (runs / "toy-a-5").mkdir()
    assert projects.project_folder(runs, "toy-a", CONFIG) == runs / "toy-a-5"


def test_a_project_with_a_damaged_config_is_not_passed_over(runs):
    (begun(runs, "toy-a") / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"toy-a/config\.json is damaged"):
        projects.project_folder(runs, "toy-a", CONFIG)
    (runs / "toy-a" / "config.json").write_text("[]")
    with pytest.raises(UserError, match=r"a list is no config"):
        projects.project_folder(runs, "toy-a", CONFIG)


def test_a_folder_of_runs_that_cannot_be_read_is_one_error(runs, monkeypatch):
    runs.mkdir()

    def iterdir(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(UserError, match=r"cannot be read: .*Permission denied.*--workdir"):
        projects.project_folder(runs, "toy-a", CONFIG)


def test_the_run_that_began_last_is_remembered_by_a_relative_link(runs, tmp_path):
    train(toy.family(steps=0), toy.CONFIG, runs / "first")
    train(toy.family(steps=0), toy.CONFIG, runs / "second")
    assert (runs / "last").readlink() == Path("second")
    assert projects.last_run(runs) == runs / "second"
    assert projects.parse_run(None, runs) == (runs / "second", None)
    train(toy.family(steps=1), toy.CONFIG, runs / "first")
    runs.rename(tmp_path / "moved")
    assert projects.last_run(tmp_path / "moved") == tmp_path / "moved" / "first"
    assert sorted(path.name for path in (tmp_path / "moved").iterdir()) == [
        *("first", "last", "second")
    ]


def test_a_run_elsewhere_is_remembered_too_and_one_named_through_the_link(runs, tmp_path):
    elsewhere = begun(tmp_path, "mine")
    projects.mark_active(elsewhere)
    assert projects.last_run(runs) == elsewhere
    projects.mark_active(runs / "last")
    assert projects.last_run(runs) == elsewhere


def test_where_links_cannot_be_made_a_file_names_the_run(runs, monkeypatch):
    def symlink_to(*arguments, **options):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", symlink_to)
    for name in ("first", "second"):
        projects.mark_active(begun(runs, name))
        assert (runs / "last").read_text() == f"{name}\n" and not (runs / "last").is_symlink()
        assert projects.last_run(runs) == runs / name
    monkeypatch.undo()
    monkeypatch.setenv(projects.VARIABLE, str(runs))
    projects.mark_active(runs / "first")
    assert (runs / "last").is_symlink() and projects.last_run(runs) == runs / "first"


def test_a_run_goes_on_where_nothing_can_remember_it(runs, tmp_path, capsys, monkeypatch):
    (runs / "last").mkdir(parents=True)
    train(toy.family(steps=0), toy.CONFIG, tmp_path / "run")
    assert "last cannot name this run" in capsys.readouterr().out
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(projects.VARIABLE, str(tmp_path / "file"))
    projects.mark_active(tmp_path / "run")
    assert f"{tmp_path / 'file' / 'last'} cannot name this run" in capsys.readouterr().out


def test_a_run_that_is_refused_is_not_the_one_active_last(runs):
    train(toy.family(steps=0), toy.CONFIG, runs / "first")
    train(toy.family(steps=0), toy.CONFIG, runs / "second")
    with pytest.raises(UserError, match="another config"):
        train(toy.family(steps=0), toy.CONFIG | {"rate": 2.0}, runs / "first")
    assert projects.last_run(runs) == runs / "second"


def test_without_a_last_run_the_error_names_those_there_are(runs):
    with pytest.raises(UserError, match=r"no run was active in .* yet: begin one with --config=.*"):
        projects.last_run(runs)
    begun(runs, "toy-a")
    with pytest.raises(UserError, match=r"no run was active.* There are .*/toy-a\."):
        projects.last_run(runs)
    projects.mark_active(begun(runs, "toy-b"))
    (runs / "toy-b").rename(runs / "toy-c")
    with pytest.raises(UserError, match=r"last names .*toy-b.* is gone.* There are .*toy-[ac], "):
        projects.last_run(runs)
    (runs / "last").unlink()
    (runs / "last").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="no run was active"):
        projects.last_run(runs)


def test_the_last_run_goes_on_with_its_own_config(runs, tmp_path):
    projects.mark_active(begun(runs, "toy-a", other(2.0)))
    assert projects.recorded_run(None, runs) == (runs / "toy-a", other(2.0))
    elsewhere = begun(tmp_path, "elsewhere")
    assert projects.recorded_run(str(elsewhere), runs) == (elsewhere, CONFIG)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no run to go on with .*--config="):
        projects.recorded_run(str(tmp_path / "empty"), runs)


def test_a_run_is_named_by_its_folder_or_its_name_and_a_step(runs, tmp_path, monkeypatch):
    folder = begun(runs, "toy-a")
    assert projects.parse_run("toy-a", runs) == (folder, None)
    assert projects.parse_run("toy-a@4000", runs) == (folder, 4000)
    assert projects.parse_run("toy-a@4_000", runs) == (folder, 4000)
    assert projects.parse_run(f"{folder}@0", runs) == (folder, 0)
    projects.mark_active(begun(runs, "odd@7"))
    assert projects.parse_run("odd@7", runs) == (runs / "odd@7", None)
    assert projects.parse_run("odd@7@8", runs) == (runs / "odd@7", 8)
    assert projects.parse_run("last@8", runs) == (runs / "odd@7", 8)
    for step in ("", "many", "-3", "1.5", "_"):
        with pytest.raises(UserError, match="expected RUN@STEP with the number of a step"):
            projects.parse_run(f"toy-a@{step}", runs)
    for text in ("toy-x", "toy-x@3", "@3"):
        with pytest.raises(UserError, match=r"no such run, here or in .* There are "):
            projects.parse_run(text, runs)


def test_an_evaluation_finds_the_only_project_of_an_experiment(runs):
    assert projects.only_project(runs, "toy-a") == runs / "toy-a"
    begun(runs, "toy-a-3")
    assert projects.only_project(runs, "toy-a") == runs / "toy-a-3"
    begun(runs, "toy-a")
    with pytest.raises(UserError, match=r"several runs .*: .*/toy-a, .*/toy-a-3\. Name one"):
        projects.only_project(runs, "toy-a")
