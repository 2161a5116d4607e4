"""Where the time of a run goes, as its lines tell it, and the profiler's trace."""

import json

import pytest

from onenoise_jax.training import report
from onenoise_jax.training.loop import train
from onenoise_jax.training.profile import Profiler
from onenoise_jax.training.step import RootMean
from tests.training import toy


@pytest.fixture
def clock(monkeypatch):
    """A Clock, and the time as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(report.time, "perf_counter", lambda: now[0])
    return report.Clock(10), now


def test_shares_are_of_the_wall_time_and_speed_is_that_of_training(clock):
    clock, now = clock
    for activity, seconds in (("data_wait", 1.0), ("evaluation", 4.0), ("checkpoint", 2.0)) * 2:
        with clock.spending(activity):
            now[0] += seconds
    now[0] += 6.0
    assert clock.shares() == pytest.approx(
        {"data_wait_share": 0.1, "evaluation_share": 0.4, "checkpoint_share": 0.2}
    )
    assert clock.steps_per_second(18) == pytest.approx(8 / (20 - 8 - 4))
    clock.restart(18)
    now[0] += 2.0
    assert set(clock.shares().values()) == {0.0}
    assert clock.steps_per_second(19) == pytest.approx(1 / 2)


def test_totals_hold_all_the_time_of_a_run_whatever_process_spent_it(clock):
    clock, now = clock
    with clock.spending("checkpoint"):
        now[0] += 2.0
    now[0] += 5.0
    clock.restart(11, "compilation")
    now[0] += 3.0
    with clock.spending("data_wait"):
        now[0] += 1.0
    expected = {"checkpoint": 2.0, "compilation": 5.0, "step": 3.0, "data_wait": 1.0}
    assert clock.totals() == pytest.approx(expected | {"evaluation": 0.0})
    clock.restart(12)
    assert clock.totals() == pytest.approx(expected | {"evaluation": 0.0})
    later = report.Clock(12, clock.totals())
    now[0] += 4.0
    assert later.totals()["step"] == pytest.approx(7.0)
    assert sum(later.totals().values()) == pytest.approx(15.0)


def test_totals_go_with_the_checkpoints(tmp_path):
    def seconds(step):
        return toy.final(tmp_path, step)[1]["seconds"]

    family = toy.family(checkpoint_every=2, checkpoints_kept=9, log_every=1)
    train(family, toy.CONFIG, tmp_path)
    assert set(seconds(2)) == set(report.TOTALS)
    assert 0 < sum(seconds(2).values()) < sum(seconds(6).values())
    assert seconds(2)["compilation"] > 0 and seconds(2)["data_wait"] > 0
    before = seconds(6)
    train(toy.family(steps=8, checkpoints_kept=9), toy.CONFIG, tmp_path)
    after = seconds(8)
    assert all(after[name] >= before[name] for name in report.TOTALS)
    assert after["compilation"] > before["compilation"]
    assert toy.final(tmp_path, 8)[1]["records"] == 1000


def test_a_line_tells_the_root_of_a_mean_also_when_its_steps_are_of_two_processes(tmp_path):
    def loss(params, constants, batch, keys):
        value, metrics = toy.loss(params, constants, batch, keys)
        squares = metrics["loss"]
        return value, metrics | {"rmse": RootMean(total=squares.total, count=squares.count)}

    train(toy.family(loss, steps=3, log_every=4, accumulation=2), toy.CONFIG, tmp_path)
    train(toy.family(loss, steps=8, log_every=4, accumulation=2), toy.CONFIG, tmp_path)
    lines = toy.lines(tmp_path)
    assert [line["step"] for line in lines] == [3, 4, 8]
    for line in lines:
        assert line["rmse"] == pytest.approx(line["loss"] ** 0.5, rel=1e-5)


def test_lines_tell_the_learning_rate_if_it_is_known(tmp_path):
    train(toy.family(steps=3, log_every=1), toy.CONFIG, tmp_path)
    rates = [line["learning_rate"] for line in toy.lines(tmp_path)]
    assert rates == pytest.approx([0.025, 0.05, 0.05])  # Two steps of warm-up.


def test_every_line_tells_the_shares(tmp_path):
    train(toy.family(checkpoint_every=1), toy.CONFIG, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    for line in lines:
        shares = [line[f"{name}_share"] for name in report.ACTIVITIES]
        assert min(shares) >= 0 and sum(shares) <= 1
        assert line["data_wait_share"] > 0
    assert lines[1]["checkpoint_share"] > 0


def test_a_profile_is_written_of_the_steps_that_are_asked_for(tmp_path, capsys, monkeypatch):
    calls = []
    profiler = report.jax.profiler
    start, stop = profiler.start_trace, profiler.stop_trace
    monkeypatch.setattr(profiler, "start_trace", lambda path: (calls.append("on"), start(path)))
    monkeypatch.setattr(profiler, "stop_trace", lambda: (calls.append("off"), stop()))

    def step_of(self, step, results):
        calls.append(step)
        after(self, step, results)

    after = Profiler.after
    monkeypatch.setattr(Profiler, "after", step_of)
    train(toy.family(profile_from=3, profile_steps=2), toy.CONFIG, tmp_path)
    assert calls == [1, 2, "on", 3, 4, "off", 5, 6]
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
    assert f"Profile: {tmp_path / 'profile'}" in capsys.readouterr().out
    calls.clear()
    train(toy.family(steps=8, profile_from=8), toy.CONFIG, tmp_path)
    assert calls == [7, "on", 8, "off"], "a run that ends first ends the trace"
    train(toy.family(steps=2), toy.CONFIG, tmp_path / "other")
    assert not (tmp_path / "other" / "profile").exists()
