"""The memory of the machine, and sizes for people."""

import pytest

from onenoise_jax.core.machine import memory_bytes, size_text


def test_a_control_group_limits_the_memory_of_those_within(tmp_path):
    whole = memory_bytes(tmp_path / "absent")
    assert whole > 1 << 26
    inner = tmp_path / "groups" / "job" / "task"
    inner.mkdir(parents=True)
    (tmp_path / "record").write_text("1:cpu:/job\n0::/job/task\n")

    def limits(job, task):
        (inner.parent / "memory.max").write_text(f"{job}\n")
        (inner / "memory.max").write_text(f"{task}\n")
        return memory_bytes(tmp_path / "record", tmp_path / "groups")

    assert limits("max", "max") == limits(10 * whole, "max") == whole
    assert limits("max", 5000) == limits(6000, 5000) == limits(5000, 6000) == 5000


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0 B"), (700, "700 B"), (1200, "1.17 KiB"), (999.7 * 1024, "0.976 MiB")),
        *((1 << 20, "1 MiB"), (3 << 29, "1.5 GiB"), (5 << 40, "5,120.0 GiB")),
    ],
)
def test_sizes_have_three_digits(count, text):
    assert size_text(count) == text
