"""From the compact batch that travels to the device to images and their condition.

A texture is composed of layers: layer 0 is its own record, layer l + 1, the record of partner l,
shows inside box l.
"""

import jax
import jax.numpy as jnp

from onenoise_jax.models.texture_condition import RegionCondition


def box_regions(boxes: jax.Array, height: int, width: int) -> jax.Array:
    """Which layer shows at each pixel: (b, height, width) int32 in [0, n].

    `boxes` is (b, n, 5) float32: centre x, centre y, half width, half height, angle (pixels,
    radians). A pixel belongs to a box if, rotated by -angle about the centre, it lies within
    the half extents, edges included; later boxes cover earlier ones; negative half extents
    cover nothing.
    """
    x = jnp.arange(width, dtype=jnp.float32)
    y = jnp.arange(height, dtype=jnp.float32)[:, None]
    regions = jnp.zeros((boxes.shape[0], height, width), jnp.int32)
    for layer in range(boxes.shape[1]):
        centre_x, centre_y, half_width, half_height, angle = jnp.moveaxis(
            boxes[:, layer, :, None, None], 1, 0
        )
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        across = cos * (x - centre_x) + sin * (y - centre_y)
        along = cos * (y - centre_y) - sin * (x - centre_x)
        inside = (jnp.abs(across) <= half_width) & (jnp.abs(along) <= half_height)
        regions = jnp.where(inside, layer + 1, regions)
    return regions


def compose(
    batch: dict[str, jax.Array], mixed: tuple[int, int] = (1, 1), group: int = 1
) -> tuple[jax.Array, RegionCondition]:
    """Images (b, h, w, 1) float32 in [-1, 1] and the condition that each pixel has.

    `batch` holds `pixels` (b, h, w) uint8, `labels` (b,) int32, `attributes` (b, p) float32,
    `partners` (b, n) int32 in [0, group) and `boxes` (b, n, 5) float32; a partner is a position
    among the `group` consecutive samples to which a sample belongs. `mixed` (m, n) says that of
    every n consecutive samples at most the first m have boxes.
    """
    partners = batch["partners"]
    regions = box_regions(batch["boxes"], *batch["pixels"].shape[1:])
    layers = of_partners(batch["pixels"], partners, group)
    shown = batch["pixels"]
    for patch in range(partners.shape[1]):
        shown = jnp.where(regions == patch + 1, layers[:, patch], shown)
    labels, attributes = (
        jnp.concatenate([own[:, None], of_partners(own, partners, group)], axis=1)
        for own in (batch["labels"], batch["attributes"])
    )
    images = shown[..., None].astype(jnp.float32) / 127.5 - 1.0
    return images, RegionCondition(regions, labels, attributes, mixed)


def of_partners(values: jax.Array, partners: jax.Array, group: int) -> jax.Array:
    """What each sample's partners (b, n) have of `values` (b, ...): (b, n, ...)."""
    groups = values.reshape(-1, group, *values.shape[1:])
    positions = partners.reshape(len(groups), -1)
    chosen = jax.vmap(lambda rows, numbers: rows[numbers])(groups, positions)
    return chosen.reshape(*partners.shape, *values.shape[1:])
