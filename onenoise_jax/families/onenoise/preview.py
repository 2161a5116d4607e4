"""Pictures drawn while a texture model trains: real textures, and the model's own."""

import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.random import stream_generator, stream_key
from onenoise_jax.data.records import LabelledImage
from onenoise_jax.data.source import Source
from onenoise_jax.diffusion.drawing import draw_all, make_sampler, starting_noise
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.sampling import make_draw
from onenoise_jax.models.texture_condition import RegionCondition
from onenoise_jax.models.texture_unet import TextureUNet
from onenoise_jax.training.family import Preview
from onenoise_jax.training.step import PyTree


def examples_per_label(source: Source, count: int, seed: int) -> dict[int, list[LabelledImage]]:
    """`count` random records of each label that the source has, fewer where it has fewer."""
    wanted = {label: min(count, n) for label, n in enumerate(source.label_counts) if n}
    found: dict[int, dict[int, LabelledImage]] = {label: {} for label in wanted}
    generator = stream_generator(seed, "preview")
    while any(len(found[label]) < wanted[label] for label in wanted):
        index = int(generator.integers(len(source)))
        image = source[index]
        if len(found[image.label]) < wanted[image.label]:
            found[image.label][index] = image
    return {label: list(images.values()) for label, images in found.items()}


def make_preview(
    config: OnenoiseConfig, model: TextureUNet, process: GaussianProcess, source: Source
) -> Preview:
    """A column per type; rows of real textures, and of samples with the same parameters."""
    by_label = examples_per_label(source, config.sample.per_type, config.seed)
    rows = min(len(images) for images in by_label.values())
    images = [by_label[label][row] for row in range(rows) for label in by_label]
    size = config.data.image_size
    condition = RegionCondition(
        regions=np.zeros((len(images), size, size), np.int32),
        classes=np.array([[image.label] for image in images], np.int32),
        parameters=np.array([[image.attributes] for image in images]),
    )
    draw = make_draw(model, process, config.diffusion.objective, make_sampler(config.sample))

    def generate(params: PyTree) -> np.ndarray:
        keys = jnp.stack([stream_key(config.seed, "preview", i) for i in range(len(images))])
        noise, keys = starting_noise(keys, (size, size, config.model.channels))
        drawn = draw_all(draw, params, (condition, noise, keys))
        return np.uint8(np.rint(drawn[..., 0] * 255))

    return Preview(
        columns=tuple(source.labels[label].replace("_", " ") for label in by_label),
        fixed_rows={"real": np.stack([image.pixels[..., 0] for image in images])},
        generate=generate,
    )
