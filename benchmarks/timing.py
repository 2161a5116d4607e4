"""How steps are timed, and what is said of them: one JSON line each."""

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax

from benchmarks.sides import answer
from onenoise_jax.training.state import TrainState
from onenoise_jax.training.step import Batch, TrainStep

Timed = tuple[Callable[[], Any], float | None]
"""What is timed, and its floating-point operations, where the compiler counts them."""

PEAK_FLOPS = {
    ("NVIDIA H200", "bfloat16"): 989e12,
    ("NVIDIA H200", "float32"): 494e12,  # TF32, the default of float32 products there.
    ("NVIDIA A100-SXM4-80GB", "bfloat16"): 312e12,
    ("NVIDIA A100-SXM4-80GB", "float32"): 156e12,
    ("TPU v4", "bfloat16"): 275e12,
    ("TPU v5 lite", "bfloat16"): 197e12,
}
"""Dense products per second that the makers state, by `device_kind` and dtype."""


def timed(step: Callable[[], Any]) -> float:
    """Milliseconds of `step()`, right after an untimed one."""
    jax.block_until_ready(step())
    began = time.perf_counter()
    jax.block_until_ready(step())
    return 1e3 * (time.perf_counter() - began)


def median_of(step: Callable[[], Any], rounds: int) -> float:
    """The median of `rounds` of `timed`."""
    return statistics.median(timed(step) for _ in range(rounds))


def training(step: TrainStep, state: TrainState, batch: Batch) -> Timed:
    """A function that takes one step on `batch` from the state that the one before left."""
    compiled, key, carried = jax.jit(step, donate_argnums=0), jax.random.key(1), [state]
    flops = flops_of(compiled.lower(state, batch, key))

    def take() -> Any:
        carried[0], metrics = compiled(carried[0], batch, key)
        return metrics

    return take, flops


def add_timing_options(parser: argparse.ArgumentParser) -> None:
    """Those that `tell` reads."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help="time a step per line of input")


def tell(name: str, case: Timed, options: argparse.Namespace, dtype: str, **facts: Any) -> None:
    """Prints one JSON line of a step of `options.batch` samples, or serves as a side does."""
    step, flops = case
    if options.serve:
        answer(lambda: jax.block_until_ready(step()))
    else:
        print(_report(name, median_of(step, options.rounds), options.batch, flops, dtype, **facts))


def _report(
    name: str, milliseconds: float, batch: int, flops: float | None, dtype: str, **facts: Any
) -> str:
    """One JSON line: the device, the throughput, the memory and the share of the peak.

    `flops` are those of one step as the compiler counts them in the lowered program.
    """
    device = jax.devices()[0]
    per_second = flops and flops / milliseconds * 1e3
    peak = PEAK_FLOPS.get((device.device_kind, dtype))
    return json.dumps(
        {
            "benchmark": name,
            "device": device.device_kind,
            **facts,
            "batch": batch,
            "dtype": dtype,
            "milliseconds": round(milliseconds, 2),
            "samples_per_second": round(1e3 * batch / milliseconds, 2),
            "peak_memory_mib": round(_peak_memory(device) / 2**20),
            "flops_per_second": per_second and float(f"{per_second:.4g}"),
            "share_of_peak": per_second and peak and round(per_second / peak, 4),
        }
    )


def flops_of(lowered: jax.stages.Lowered) -> float | None:
    """Floating-point operations of a lowered program, where the compiler counts them."""
    analysis = lowered.cost_analysis()
    return float(analysis["flops"]) if analysis and "flops" in analysis else None


def _peak_memory(device: jax.Device) -> int:
    """Bytes: of the device where it says so, else of this process."""
    stats = device.memory_stats() or {}
    return (
        stats.get("peak_bytes_in_use") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
