"""Several processes as one run, really started."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

from launch import local
from onenoise_jax import families
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.families.onenoise.weights_folder import load_weights
from onenoise_jax.training.checkpoint import Checkpoints, saved_steps
from onenoise_jax.training.loop import train
from onenoise_jax.training.resume import GoBack
from tests.families.noisy.small import write_pictures
from tests.families.onenoise.examples import experiment, write_waves

ROOT = Path(__file__).parents[1]
STEPS = 20
OPTIONS = {
    "train.steps": STEPS,
    "train.batch_size": 8,
    "train.checkpoint_every": STEPS,
    "train.checkpoints_permanent_every": STEPS,
    "train.log_every": 5,
    "train.sample_every": 0,
    "model.dim_mults": (1,),
    "model.cond_layers": (1,),
}


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return write_waves(tmp_path_factory.mktemp("waves") / "data")


def launched(waves, workdir, *more):
    """The start of a run in two processes."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "launch.local", "--processes=2", "--devices_per_process=2"),
            *("--config=configs/onenoise/quickstart.py:test", f"--workdir={workdir}"),
            f"--config.data.source={waves}",
            *(f"--config.{name}={value}" for name, value in OPTIONS.items()),
            *more,
        ],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path, process):
    """Until `path` is there, or the process ended."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.1)


def one_process(waves, workdir, go_back=None):
    """Trains twice as many steps on one device of this process."""
    options = {name.replace(".", "__"): value for name, value in OPTIONS.items()}
    config = experiment("quickstart", waves, **options | {"train__steps": 2 * STEPS}).to_dict()
    family = families.build(config)
    train(family, config, workdir, go_back, devices=jax.devices()[:1])
    return family


def saved(family, workdir, step):
    """Parameters and average after `step` steps, and the losses up to there."""
    checkpoints = Checkpoints(workdir / "checkpoints", 3)
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    target = jax.eval_shape(family.init, jax.random.key(0))
    target = jax.tree.map(lambda leaf: leaf.update(sharding=here), target)
    state, _ = checkpoints.restore(step, target)
    checkpoints.close()
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
    losses = [line["loss"] for line in lines if line["step"] <= step]
    return named_leaves(jax.device_get((state.params, state.ema.params))), losses


def assert_the_same(found, expected):
    """Losses, and arrays by their norms, within 1e-5.

    But for biases just before a normalisation of single channels, which takes them away: their
    gradient is rounding alone, and Adam makes whole steps of it.
    """
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)
    for name, value in expected[0].items():
        if name.endswith(("conv_0/bias", "conv_1/bias")):
            continue
        difference = np.linalg.norm(found[0][name] - value)
        assert difference <= 1e-5 * np.linalg.norm(value), name


def test_two_processes_train_as_one_and_their_checkpoint_goes_on_in_one(waves, tmp_path):
    """And they stop together, saved, when they are asked to."""
    two, one = tmp_path / "two", tmp_path / "one"
    process = launched(waves, two, "--config.train.steps=100000")
    wait_for(two / "checkpoints" / f"{STEPS}", process)
    process.terminate()
    output, _ = process.communicate()
    assert process.returncode == 0 and "which is saved in" in output, output
    assert output.count("on 4 cpu device(s) (4 data x 1 fsdp) of 2 process(es)") == 1
    family = one_process(waves, one)
    expected = saved(family, one, STEPS)
    assert_the_same(saved(family, two, STEPS), expected)
    exported = named_leaves(load_weights(two).params)
    assert {f"1/{name}" for name in exported} <= expected[0].keys()

    # Also when they have not begun yet to go on.
    step = saved_steps(two / "checkpoints")[-1]
    process = launched(waves, two, f"--config.train.steps={step + 60}", "--stopped_status=85")
    assert any("Compiled programs are kept" in line for line in process.stdout)
    process.terminate()
    output, _ = process.communicate()
    assert process.returncode == 85 and "which is saved in" in output, output

    refused = launched(waves, two, "--config.seed=1")
    output, _ = refused.communicate()
    assert refused.returncode == 2 and "config.seed: 0 there, 1 now" in output, output

    one_process(waves, two, GoBack(STEPS))
    assert_the_same(saved(family, two, 2 * STEPS), saved(family, one, 2 * STEPS))


OPEN = """
import sys
from configs.noisy import maria
from onenoise_jax.core.config import construct
from onenoise_jax.families.noisy.config import DataConfig
from onenoise_jax.families.noisy.datasets import open_dataset
from onenoise_jax.training.processes import joined

config = maria.get_config("test").data
config.source, config.cache = sys.argv[3:]
with joined(sys.argv[1], 2, int(sys.argv[2])):
    data = construct(DataConfig, config.to_dict(), "config.data")
    print(len(open_dataset(data, 3, 8).training), "images")
"""


def test_pictures_are_converted_by_one_process_for_all(tmp_path):
    photos, cache = write_pictures(tmp_path / "photos"), tmp_path / "cache"
    address = f"127.0.0.1:{local._free_port()}"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, address, f"{index}", photos, cache],
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    outputs = [process.communicate()[0] for process in running]
    for process, output in zip(running, outputs, strict=True):
        assert process.returncode == 0 and "10 images" in output, output
    assert "100%" in outputs[0] and "resizing" not in outputs[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--distributed=here"], "expected none, auto, or host:port"),
        (["--distributed=here:1", "--process_count=2"], "expected none, auto, or host:port"),
        (["--distributed=a:1", "--process_count=2", "--process_index=2"], "index=2: expected"),
        (["--distributed=auto", "--mode=eval"], "--mode=eval is for one process"),
        (["--distributed=auto", "--process_count=2"], "need --distributed=HOST:PORT"),
    ],
)
def test_a_process_that_cannot_find_the_others_is_refused(options, message):
    result = subprocess.run(
        [sys.executable, "main.py", "--config=configs/onenoise/tiny.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2 and message in result.stderr


def test_the_first_that_fails_ends_the_others_and_its_status_is_passed_on():
    def python(code):
        return subprocess.Popen([sys.executable, "-c", code])

    running = [python("import time; time.sleep(600)"), python("raise SystemExit(7)")]
    assert local.wait(running) == 7
    assert running[0].poll() == -signal.SIGKILL
    assert local.wait([python("pass"), python("pass")]) == 0
    killed = python("import os; os.kill(os.getpid(), 9)")
    assert local.wait([killed]) == 128 + 9


@pytest.mark.parametrize("options", [[], ["--workdir=my runs/$HOME", "--mode=train"]])
def test_all_hosts_of_a_pod_get_the_options_as_they_were_given(options, tmp_path):
    """A stand-in for gcloud runs the command, in which another for Python tells its options."""
    for name, code in (
        ("gcloud", 'for x in "$@"; do case $x in --command=*) sh -c "${x#--command=}"; esac; done'),
        ("python", 'for x in "$@"; do echo "$x"; done'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    places = {"TPU": "pod", "ZONE": "here", "FOLDER": f"{tmp_path}", "PYTHON": "./python"}
    result = subprocess.run(
        ["bash", ROOT / "launch" / "tpu_pod.sh", *options],
        env=os.environ | places | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == ["main.py", "--distributed=auto", *options]


def test_the_files_for_clusters_hang_together():
    subprocess.run(["bash", "-n", ROOT / "launch" / "tpu_pod.sh"], check=True)
    job = yaml.safe_load((ROOT / "launch" / "kubernetes.yaml").read_text())
    (worker,) = job["spec"]["replicatedJobs"]
    pods = worker["template"]["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    options = dict(option.partition("=")[::2] for option in container["command"][2:])
    assert options["--process_count"] == f"{pods['parallelism']}" == f"{pods['completions']}"
    first = f"{job['metadata']['name']}-{worker['name']}-0-0.{job['metadata']['name']}:8476"
    assert options["--distributed"] == first
    assert (ROOT / options["--config"]).exists()
    (rule,) = pods["podFailurePolicy"]["rules"]
    final = rule["onExitCodes"]
    assert (rule["action"], final["containerName"]) == ("FailJob", container["name"])
    assert int(options["--stopped_status"]) not in (0, *final["values"]) and final["values"] == [2]
    (rule,) = job["spec"]["failurePolicy"]["rules"]
    assert (rule["action"], *rule["onJobFailureReasons"]) == ("FailJobSet", "PodFailurePolicy")


def test_a_launch_that_makes_no_sense_is_refused():
    with pytest.raises(SystemExit):
        local.main(["--processes=0"])
