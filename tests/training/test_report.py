"""Where the time of a run goes, as its lines tell it, and the profiler's trace."""

import json

import pytest

from onenoise_jax.training import report
from onenoise_jax.training.loop import train
from onenoise_jax.training.profile import Profiler
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
