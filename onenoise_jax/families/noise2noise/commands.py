"""`convert noise2noise` and `export noise2noise`: published weights in, and out again."""

import argparse
from pathlib import Path

from onenoise_jax.convert.files import read_weights
from onenoise_jax.convert.folder import Provenance, check_free
from onenoise_jax.convert.mapping import to_flax
from onenoise_jax.convert.weights import (
    Weights,
    add_export_options,
    check_export,
    digest_of,
    export,
    save_weights,
)
from onenoise_jax.core.errors import UserError
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.weights import network_of, weight_map
from onenoise_jax.families.noise2noise.weights_folder import (
    WeightsConfig,
    abstract_params,
    load_weights,
)
from onenoise_jax.training.family import Command

SUFFIXES = (".safetensors", ".npz", ".pt", ".pth", ".ckpt")


def convert(source: Path, corruption: CorruptionConfig | None = None) -> Weights:
    """A published weights file as our weights; its names tell which network it is of.

    `corruption`: what they were trained to undo, if known. Raises UserError if the file cannot
    be read, and, all in one, for every missing, unexpected and misshapen key.
    """
    state = read_weights(source)
    try:
        model = network_of(state)
        params = to_flax(state, weight_map(model), abstract_params(model))
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    provenance = Provenance(source=source.name, kind="raw", sha256=digest_of(source))
    return Weights(WeightsConfig("noise2noise", model, provenance, corruption), params)


def _configure_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help=".pt, .pth, .ckpt (need PyTorch), .safetensors or .npz",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; must not exist"
    )
    parser.add_argument(
        "--noise",
        nargs=3,
        metavar=("KIND", "LOW", "HIGH"),
        help="what the weights were trained to undo, such as `gaussian 0 50`: kept with them, so "
        "that denoise can tell whether a picture is within their range",
    )


def _run_convert(options: argparse.Namespace) -> None:
    check_free(options.out)
    weights = convert(options.input, _corruption(options.noise))
    save_weights(options.out, weights)
    print(f"{options.out}: {_summary(weights)}")


def _corruption(noise: list[str] | None) -> CorruptionConfig | None:
    if noise is None:
        return None
    kinds = ("gaussian", "poisson", "bernoulli", "impulse", "text")
    try:
        if noise[0] not in kinds:
            raise ValueError(f"expected one of {', '.join(kinds)}, and two numbers")
        return CorruptionConfig(noise[0], float(noise[1]), float(noise[2]))
    except ValueError as error:
        raise UserError(f"--noise {' '.join(noise)}: {error}") from error


def _configure_export(parser: argparse.ArgumentParser) -> None:
    add_export_options(parser, SUFFIXES)


def _run_export(options: argparse.Namespace) -> None:
    check_export(options.out, SUFFIXES)
    weights = load_weights(options.weights)
    tensors = export(weights, weight_map, options.out)
    print(f"{options.out}: {tensors} tensors; {_summary(weights)}")


def _summary(weights: Weights) -> str:
    model = weights.config.model
    kind = "shared blocks" if model.shared else "no shared blocks"
    return (
        f"{weights.config.provenance}: {model.channels} channels to "
        f"{model.output_channels}, {kind}, {model.upsampling} upsampling"
    )


CONVERT = Command(
    name="convert noise2noise",
    summary="published weights of restoration networks into a folder of ours",
    description=(
        "Converts weights of the PyTorch port (state dicts) or of the paper's own networks\n"
        "(arrays by their TensorFlow names) into a folder: weights.safetensors and config.json.\n"
        "Every key is accounted for; a file that would run code when read is refused."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax convert noise2noise --input gaussian.pt --out weights/port \\\n"
        "      --noise gaussian 0 50\n"
        "  python -m onenoise_jax convert noise2noise --input gaussian-n2n.npz --out weights/paper"
    ),
    configure=_configure_convert,
    run=_run_convert,
)
EXPORT = Command(
    name="export noise2noise",
    summary="weights of a restoration network into a file for the published programs",
    description=(
        "Writes every tensor, bit for bit, under the names that the network was published with:\n"
        "those of the PyTorch port where blocks are shared, of the paper's program where not.\n"
        "Where --out has no suffix, a folder of weights is made instead: what `denoise` takes."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax export noise2noise --weights weights/port --out port.pt\n"
        "  python -m onenoise_jax export noise2noise --weights runs/gaussian --out paper.npz\n"
        "  python -m onenoise_jax export noise2noise --weights runs/gaussian --out weights/mine"
    ),
    configure=_configure_export,
    run=_run_export,
)
