"""`convert onenoise` and `export onenoise`: weights in from PyTorch, and out to it."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from onenoise_jax.convert.files import read_weights
from onenoise_jax.convert.folder import Provenance, check_free, read_json
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
from onenoise_jax.families.onenoise.reference_config import reference_config
from onenoise_jax.families.onenoise.weights import network_weights, weight_map
from onenoise_jax.families.onenoise.weights_folder import (
    WeightsConfig,
    abstract_params,
    load_weights,
)
from onenoise_jax.training.family import Command

FORMATS: Mapping[str, tuple[str, ...]] = {
    "safetensors": (".safetensors",),
    "torch": (".pt", ".pth", ".ckpt"),
    "folder": ("",),
}
"""How `export` writes, and the suffixes that say so: "folder" is what `convert` makes."""
SUFFIXES = FORMATS["safetensors"] + FORMATS["torch"]


def convert(source: Path, config: Path, *, ema: bool) -> Weights:
    """The published program's weights file and config.json as our weights.

    Raises UserError if either cannot be read or used, and, all in one, for every missing,
    unexpected and misshapen key.
    """
    reference = reference_config(read_json(config), str(config))
    try:
        model, diffusion = reference.model, reference.diffusion
    except ValueError as error:
        raise UserError(f"{config}: {error}") from error
    checkpoint = read_weights(source)
    try:
        state = network_weights(checkpoint, ema=ema)
        params = to_flax(state, weight_map(model), abstract_params(model))
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    step = checkpoint.get("step")
    provenance = Provenance(
        source=source.name,
        kind="ema" if ema else "raw",
        sha256=digest_of(source),
        step=step if isinstance(step, int) else None,
    )
    try:
        facts = WeightsConfig("onenoise", reference.image_size, model, diffusion, provenance)
    except ValueError as error:
        raise UserError(f"{config}: {error}") from error
    return Weights(facts, params)


def _configure_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help="training checkpoint or state dict: .pt, .pth, .ckpt (need PyTorch), .safetensors",
    )
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the config.json that the published program wrote beside it",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; must not exist"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--raw", action="store_true", help="the weights themselves, as published (default)"
    )
    kind.add_argument("--ema", action="store_true", help="their exponential moving average")


def _run_convert(options: argparse.Namespace) -> None:
    check_free(options.out)
    weights = convert(options.input, options.config, ema=options.ema)
    save_weights(options.out, weights)
    print(f"{options.out}: {weights.config.provenance}")


def _configure_export(parser: argparse.ArgumentParser) -> None:
    add_export_options(parser, SUFFIXES)
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="default: by the suffix of --out (.safetensors; .pt, .pth, .ckpt for torch; "
        "none for folder)",
    )
    add_raw_option(parser)


def _run_export(options: argparse.Namespace) -> None:
    if options.format and options.out.suffix not in FORMATS[options.format]:
        endings = " or ".join(FORMATS[options.format])
        expected = f"a name ending in {endings}" if endings else "a name without a suffix"
        raise UserError(f"--out={options.out}: expected {expected} with --format={options.format}")
    check_export(options.out, SUFFIXES)
    weights = load_weights(options.weights, raw=options.raw)
    tensors = export(weights, weight_map, options.out)
    print(f"{options.out}: {tensors} tensors; {weights.config.provenance}")


CONVERT = Command(
    name="convert onenoise",
    summary="published PyTorch weights of the texture network into a folder of ours",
    description=(
        "Converts weights of the published PyTorch program (Maesumi et al. 2024) into a folder:\n"
        "weights.safetensors (float32, our names) and config.json (network, diffusion, source).\n"
        "Every key is accounted for; a file that would run code when read is refused."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax convert onenoise --input model-77.pt --config config.json \\\n"
        "      --out weights/tiny\n"
        "  python -m onenoise_jax convert onenoise --input model-77.pt --config config.json \\\n"
        "      --out weights/tiny-ema --ema"
    ),
    configure=_configure_convert,
    run=_run_convert,
)
EXPORT = Command(
    name="export onenoise",
    summary="weights of the texture network into a file for the published PyTorch program",
    description=(
        "Writes every trainable tensor under the published names (`model....`), bit for bit.\n"
        "The published diffusion model computes its buffers itself: load the file there with\n"
        "`diffusion.load_state_dict(state, strict=False)`. Where --out has no suffix, a\n"
        "folder of weights is made instead: what `texture` takes, small enough to be passed on."
    ),
    examples=(
        "examples:\n"
        "  python -m onenoise_jax export onenoise --weights weights/tiny --out tiny.safetensors\n"
        "  python -m onenoise_jax export onenoise --weights runs/tiny --out tiny.pt\n"
        "  python -m onenoise_jax export onenoise --weights runs/tiny --raw --out raw.pt\n"
        "  python -m onenoise_jax export onenoise --weights runs/tiny --out weights/tiny"
    ),
    configure=_configure_export,
    run=_run_export,
)
