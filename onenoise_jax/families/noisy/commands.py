"""`convert noisy` and `export noisy`: weights in from PyTorch, and out to it."""

import argparse
from pathlib import Path

from onenoise_jax.convert.files import read_weights
from onenoise_jax.convert.folder import Provenance, check_free
from onenoise_jax.convert.mapping import to_flax
from onenoise_jax.convert.weights import (
    Weights,
    add_export_options,
    add_raw_option,
    check_export,
    digest_of,
    export,
    save_weights,
)
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noisy.reference_config import read_config, read_yaml
from onenoise_jax.families.noisy.weights import weight_map
from onenoise_jax.families.noisy.weights_folder import (
    WeightsConfig,
    abstract_params,
    load_weights,
)
from onenoise_jax.training.family import Command

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
FILES = {"ema": "ema.state.pt", "raw": "model.state.pt"}
OPTIMIZER = "opt.state.pt"


def convert(source: Path, kind: str) -> Weights:
    """The weights of `kind`, ema or raw, in a checkpoint folder of the published program.

    Raises UserError if a file is missing or cannot be used, and, all in one, for every missing,
    unexpected and misshapen key.
    """
    if not source.is_dir():
        raise UserError(
            f"{source}: no such folder; expected a checkpoint of the published program, with "
            f"{', '.join(FILES.values())}, cfg.yaml and ctx.yaml"
        )
    config = source / "cfg.yaml"
    reference = read_config(config)
    try:
        model, diffusion = reference.model, reference.process
        model.check_size(reference.img.size)
    except ValueError as error:
        raise UserError(f"{config}: {error}") from error
    step = read_yaml(source / "ctx.yaml").get("iteration")
    path = source / FILES[kind]
    try:
        params = to_flax(read_weights(path), weight_map(model), abstract_params(model))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    provenance = Provenance(
        source=f"{source.resolve().name}/{path.name}",
        kind=kind,
        sha256=digest_of(path),
        step=step if isinstance(step, int) else None,
    )
    return Weights(WeightsConfig("noisy", reference.img.size, model, diffusion, provenance), params)


def _configure_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="DIR",
        help="checkpoint of the published program: "
        f"{', '.join(FILES.values())} (PyTorch reads them), cfg.yaml, ctx.yaml",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; must not exist"
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="the weights as trained, instead of their exponential moving average",
    )


def _run_convert(options: argparse.Namespace) -> None:
    check_free(options.out)
    weights = convert(options.input, "raw" if options.raw else "ema")
    save_weights(options.out, weights)
    print(f"{options.out}: {_summary(weights)}")
    if (options.input / OPTIMIZER).exists():
        print(
            f"{OPTIMIZER} was left: a run that begins with these weights "
            "(config.train.initial_weights) has a fresh optimizer."
        )


def _configure_export(parser: argparse.ArgumentParser) -> None:
    add_export_options(parser, SUFFIXES)
    add_raw_option(parser)


def _run_export(options: argparse.Namespace) -> None:
    check_export(options.out, SUFFIXES)
    weights = load_weights(options.weights, raw=options.raw)
    tensors = export(weights, weight_map, options.out)
    print(f"{options.out}: {tensors} tensors; {_summary(weights)}")


def _summary(weights: Weights) -> str:
    facts = weights.config
    return (
        f"{facts.provenance}: {facts.model.design} of width {facts.model.width}, "
        f"{facts.image_size}x{facts.image_size}x{facts.model.channels}"
    )


CONVERT = Command(
    name="convert noisy",
    summary="published PyTorch weights of Lara, Maria or Alia into a folder of ours",
    description=(
        "Converts a checkpoint of the published PyTorch program (a folder with model.state.pt,\n"
        "ema.state.pt, cfg.yaml, ctx.yaml) into a folder: weights.safetensors (float32, our\n"
        "names) and config.json. Every key is accounted for; a file that would run code when\n"
        "read is refused. The moving average is taken, which is what to draw with."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax convert noisy --input zoo/birds/current --out weights/birds\n"
        "  python -m onenoise_jax convert noisy --input zoo/birds/current --out weights/raw --raw\n"
        "  python -m onenoise_jax sample weights/birds -n 16 --out grid.png"
    ),
    configure=_configure_convert,
    run=_run_convert,
)
EXPORT = Command(
    name="export noisy",
    summary="weights of Lara, Maria or Alia into a file for the published PyTorch program",
    description=(
        "Writes every tensor, bit for bit, under the published names (`main....`): a state dict.\n"
        "Where --out has no suffix, a folder of weights is made instead: what `sample` takes,\n"
        "small enough to be passed on."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax export noisy --weights runs/noisy-maria --out ema.state.pt\n"
        "  python -m onenoise_jax export noisy --weights runs/noisy-maria --raw \\\n"
        "      --out model.state.pt\n"
        "  python -m onenoise_jax export noisy --weights runs/noisy-maria --out weights/mine"
    ),
    configure=_configure_export,
    run=_run_export,
)
