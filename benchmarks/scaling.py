"""What a training step is on many devices: time, memory, and what it sends between them.

    python -m benchmarks.scaling --config=configs/onenoise/tiny.py --devices 8 64 256 --fsdp 1 8
    python -m benchmarks.scaling --config=configs/onenoise/quickstart.py:test --size=16 --steps=3

    python -m benchmarks.scaling --devices v5e:2x4 v5e:8x8 v5e:16x16 --size=256 --batch=8

The devices are simulated on the CPU; those of the last example need none, but the TPU compiler
(`pip install "jax[tpu]"`), which compiles for a pod on any machine. FLOPs, memory and
collectives are those of the compiled program of one device, in which each collective counts with
the bytes that it puts out; compilers for other machines merge and split collectives differently.
Times (of --steps steps, after one that is not counted) say what partitioning costs on this
machine alone: all simulated devices share its cores.
"""

import argparse
import collections
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_COLLECTIVE = re.compile(rf"= (.+?) ({'|'.join(KINDS)})(?:-start)?\(")
_ARRAY = re.compile(r"\b(?:pred|[a-z]+(\d+)[a-z0-9]*)\[([\d,]*)\]")


def collectives(text: str) -> dict[str, tuple[int, int]]:
    """{kind: (how many, bytes that they put out)} in the text of a compiled program."""
    found: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for line in text.splitlines():
        if match := _COLLECTIVE.search(line):
            found[match[2]][0] += 1
            found[match[2]][1] += sum(
                int(bits or 8) // 8 * math.prod(int(n) for n in shape.split(",") if n)
                for bits, shape in _ARRAY.findall(match[1])
            )
    return {kind: tuple(counts) for kind, counts in found.items()}


def measure(options: argparse.Namespace, machine: str, fsdp: int) -> dict:
    """Compiles, and runs if asked to, a step for `machine`: a number of devices, or a TPU."""
    import jax

    from onenoise_jax import families
    from onenoise_jax.core.compilation import configure_compiler
    from onenoise_jax.training import sharding
    from onenoise_jax.training.plan import make_plan
    from onenoise_jax.training.program import traced_step

    configure_compiler()
    where = _devices(machine)
    devices = len(where)
    config = _config(options, devices, fsdp)
    with tempfile.TemporaryDirectory() as folder:
        records = config["train"]["batch_size"]
        config["data"]["source"] = str(_dataset(Path(folder) / "data", options.size, records))
        family = families.build(config)
        batch = family.batches(0, 1)[0]
    mesh = sharding.make_mesh(family.mesh, where)
    state = jax.eval_shape(family.init, jax.random.key(0))
    layout = sharding.state_shardings(family.sharding_rules, state, mesh)
    step = traced_step(family, state, layout, mesh, batch)
    plan = make_plan(step, layout, mesh)
    lowered, began = step.lower(), time.perf_counter()
    compiled = lowered.compile()
    compiling = time.perf_counter() - began
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    result = {
        "machine": machine,
        "fsdp": fsdp,
        "gigaflops": cost["flops"] / 1e9,
        "state": memory.argument_size_in_bytes,
        "working": memory.temp_size_in_bytes,
        "planned_state": plan.state + plan.batch,
        "planned_working": plan.working,
        "collectives": collectives(compiled.as_text()),
        "compiling": compiling,
    }
    if options.steps:
        value = jax.jit(family.init, out_shardings=layout)(jax.random.key(0))
        batch = sharding.global_batch(sharding.batch_sharding(mesh), batch)
        for index in range(options.steps + 1):
            if index == 1:
                jax.block_until_ready(value)
                began = time.perf_counter()
            value, _ = compiled(value, batch, jax.random.key(index))
        jax.block_until_ready(value)
        result["seconds"] = (time.perf_counter() - began) / options.steps
    return result


def _devices(machine: str) -> list:
    import jax
    from jax.experimental import topologies

    if machine.isdigit():
        return jax.devices()
    return list(topologies.get_topology_desc(machine, platform="tpu").devices)


def _config(options: argparse.Namespace, devices: int, fsdp: int) -> dict:
    path, _, variant = options.config.partition(":")
    spec = importlib.util.spec_from_file_location("experiment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config(variant or None)
    config.data.image_size = options.size
    config.data.validation = 0
    config.train.batch_size, config.train.accumulation = devices * options.batch, 1
    config.mesh.data, config.mesh.fsdp = devices // fsdp, fsdp
    return config.to_dict()


def _dataset(folder: Path, size: int, count: int) -> Path:
    """At least `count` records of all types, of which only the shapes count."""
    import numpy as np

    from onenoise_jax.data.records import LabelledImage
    from onenoise_jax.data.writer import write_dataset
    from onenoise_jax.textures.vocabulary import PARAMETERS, TYPES

    grey = np.zeros((size, size, 1), np.uint8)
    images = [
        LabelledImage(grey, index % len(TYPES), np.zeros(len(PARAMETERS), np.float32))
        for index in range(max(count, len(TYPES)))
    ]
    write_dataset(
        folder,
        images,
        image_shape=grey.shape,
        labels=TYPES,
        attributes=PARAMETERS,
        count=len(images),
    )
    return folder


def _row(result: dict, steps: int) -> str:
    mib = 1 << 20
    sent = result["collectives"]
    cells = [
        result["machine"],
        f"{result['fsdp']}",
        f"{result['gigaflops']:.1f}",
        f"{result['state'] / mib:.1f} ({result['planned_state'] / mib:.1f})",
        f"{result['working'] / mib:.0f} ({result['planned_working'] / mib:.0f})",
        "; ".join(f"{n} {kind}, {size / mib:.1f}" for kind, (n, size) in sent.items()),
        f"{result['compiling']:.0f}",
    ]
    if steps:
        cells.append(f"{result['seconds']:.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="configs/onenoise/tiny.py")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=2, help="textures a device")
    parser.add_argument(
        "--devices",
        nargs="+",
        default=["8", "64", "256"],
        help="how many, or a TPU by its topology, such as v5e:4x4",
    )
    parser.add_argument("--fsdp", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--steps", type=int, default=0, help="to time; 0: only compile")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options, options.devices[0], options.fsdp[0])))
        return
    print(
        "| devices | fsdp | GFLOP | state, MiB (planned) | working, MiB (planned) "
        f"| collectives, MiB | compiled in, s |{' step, s |' if options.steps else ''}"
    )
    print("|" + "---|" * (8 if options.steps else 7))
    arguments = [f"--{name}={getattr(options, name)}" for name in ("config", "size", "batch")]
    for devices in options.devices:
        for fsdp in options.fsdp:
            # Each in a process of its own: the number of devices is fixed when JAX starts.
            simulated = int(devices) if devices.isdigit() else 1
            environment = {
                "JAX_PLATFORMS": "cpu",
                "XLA_FLAGS": f"--xla_force_host_platform_device_count={simulated} "
                "--xla_backend_optimization_level=0",
                # There is no TPU to ask for its kind and place.
                "TPU_SKIP_MDS_QUERY": "1",
                "TPU_ACCELERATOR_TYPE": "v5litepod-8",
                "TPU_WORKER_HOSTNAMES": "localhost",
                "TPU_WORKER_ID": "0",
            }
            more = ["--here", f"--steps={options.steps}", f"--devices={devices}", f"--fsdp={fsdp}"]
            output = subprocess.run(
                [sys.executable, "-m", "benchmarks.scaling", *arguments, *more],
                env=os.environ | environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            print(_row(json.loads(output.splitlines()[-1]), options.steps), flush=True)


if __name__ == "__main__":
    main()
