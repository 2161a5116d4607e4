"""Shows what a dataset holds, draws some of it, and checks that it is intact.

    python -m data_tools.inspect DIR                       a summary of the manifest
    python -m data_tools.inspect DIR --out=grid.png        ... and records as a labelled grid
    python -m data_tools.inspect DIR --verify              ... and every shard's checksum
    python -m data_tools.inspect tfds:NAME --out=grid.png  a prepared TensorFlow dataset

Exit status: 0, or 1 if --verify found damage, or 2 if the dataset could not be opened.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from onenoise_jax.core.errors import UserError
from onenoise_jax.data import manifest as manifests
from onenoise_jax.data.arrays import ArrayLayout
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.data.images import ImageSource, open_images
from onenoise_jax.data.manifest import Layout, Manifest
from onenoise_jax.data.named_images import NamedImageLayout
from onenoise_jax.data.shards import damage
from onenoise_jax.data.source import TFDS_PREFIX, Source, Subset, open_source
from onenoise_jax.images.files import check_picture_path, write_picture
from onenoise_jax.images.grid import labelled_grid

_COLUMNS = 8
_CELL = 160
_CAPTION_ATTRIBUTES = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _inspect(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.inspect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dataset", help="a folder with a manifest.json, or tfds:NAME or tfds:FOLDER"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read every shard and compare its SHA-256 with the manifest",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="draw records as a grid into this .png, .npy or .exr"
    )
    parser.add_argument(
        "--count",
        type=int,
        default=24,
        metavar="N",
        help="how many records to draw, spread evenly over the dataset (default: %(default)s)",
    )
    return parser


def _inspect(options: argparse.Namespace) -> int:
    is_folder = not options.dataset.startswith(TFDS_PREFIX)
    if options.verify and not is_folder:
        raise UserError(
            f"{options.dataset}: --verify needs the checksums of a manifest.json, which a "
            "TensorFlow dataset does not have."
        )
    if options.count < 1:
        raise UserError(f"--count={options.count}: expected at least 1.")
    if options.out:
        check_picture_path(options.out)
    if is_folder:
        manifest = manifests.load(options.dataset)
        print(_summary(options.dataset, manifest))
        if options.verify:
            damaged = _verify(Path(options.dataset), manifest)
            if damaged:
                print(f"\n{len(damaged)} of {len(manifest.shards)} shards are damaged:")
                print("\n".join(f"  {reason}" for reason in damaged))
                return 1
            print(f"\nAll {len(manifest.shards)} shards are intact.")
    if options.out and is_folder and isinstance(manifest.layout, NamedImageLayout):
        images = open_images(options.dataset, manifest.layout.channels)
        write_picture(options.out, draw_images(images, options.count))
        print(f"\nWrote {options.out}")
    elif options.out or not is_folder:
        source = open_source(options.dataset)
        if not is_folder:
            lines = [options.dataset, f"records     {len(source):,}"]
            print("\n".join([*lines, *_description(source, source.label_counts)]))
        if options.out:
            write_picture(options.out, draw(source, options.count))
            print(f"\nWrote {options.out}")
    return 0


def _summary(where: str, manifest: Manifest) -> str:
    """The manifest, for people."""
    width = max(len(shard.file) for shard in manifest.shards)
    lines = [
        where,
        f"records     {manifest.records:,} ({_size(manifest.bytes)})",
        f"made by     {manifest.command or '(not recorded)'}",
        *_description(manifest.layout, manifest.label_counts),
        f"shards      {len(manifest.shards)}",
        *(
            f"  {shard.file:{width}}  {shard.records:>9,} records  {_size(shard.bytes):>9}  "
            f"sha256 {shard.sha256[:12]}…"
            for shard in manifest.shards
        ),
    ]
    return "\n".join(lines)


def _description(layout: Layout | Source, label_counts: Sequence[int]) -> list[str]:
    """What the records of a dataset are, for people."""
    if isinstance(layout, ArrayLayout):
        return [f"arrays      {len(layout.arrays)}", *(f"  {spec}" for spec in layout.arrays)]
    if isinstance(layout, NamedImageLayout):
        megapixels = layout.mean_pixels / 1e6
        return [
            f"images      of any size, {megapixels:.3g} megapixels on average, "
            f"{layout.channels} channel(s), uint8"
        ]
    height, width, channels = layout.image_shape
    longest = max(len(label) for label in layout.labels)
    return [
        f"images      {height} x {width} (height x width), {channels} channel(s), uint8",
        f"attributes  {len(layout.attributes)}: {', '.join(layout.attributes) or 'none'}",
        f"labels      {len(layout.labels)}",
        *(
            f"  {index:3d} {label:{longest}}  {count:>9,} records"
            for index, (label, count) in enumerate(zip(layout.labels, label_counts, strict=True))
        ),
    ]


def _verify(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with each damaged shard."""
    with tqdm(total=manifest.bytes, unit="B", unit_scale=True, desc="verifying") as bar:
        reasons = [damage(folder, shard, bar.update) for shard in manifest.shards]
    return [reason for reason in reasons if reason]


def draw(source: Source, count: int) -> np.ndarray:
    """`count` records spread over `source` as a labelled grid, (height, width, 3) uint8."""
    count = min(count, len(source))
    chosen = Subset(source, count)
    images = [chosen[index] for index in range(count)]
    captions = [
        "\n".join([source.labels[image.label], *_attribute_lines(image.attributes, source)])
        for image in images
    ]
    return labelled_grid(
        np.stack([image.pixels for image in images]),
        columns=min(_COLUMNS, count),
        captions=captions,
        title=f"{count} of {len(source):,} records",
        cell=_CELL,
        font_size=12,
    )


def draw_images(source: ImageSource, count: int) -> np.ndarray:
    """`count` images spread over `source`, cut to squares, over their names and sizes."""
    count = min(count, len(source))
    chosen = Subset(source, count)
    images = [chosen[index] for index in range(count)]
    return labelled_grid(
        np.stack([cover(image.pixels, _CELL) for image in images]),
        columns=min(_COLUMNS, count),
        captions=[
            f"{image.name}\n{image.pixels.shape[1]} x {image.pixels.shape[0]}" for image in images
        ],
        title=f"{count} of {len(source):,} images",
        cell=_CELL,
        font_size=12,
    )


def _attribute_lines(values: np.ndarray, source: Source) -> list[str]:
    """The first attributes that are not zero, and how many more there are."""
    named = zip(source.attributes, values, strict=True)
    lines = [f"{name} {value:.3g}" for name, value in named if value != 0]
    hidden = len(lines) - _CAPTION_ATTRIBUTES
    return lines if hidden <= 0 else [*lines[:_CAPTION_ATTRIBUTES], f"and {hidden} more"]


def _size(count: int) -> str:
    """Bytes, for people (powers of 1000)."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.4g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
