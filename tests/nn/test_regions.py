"""A piecewise constant image convolves like the image it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.nn.convolution import CIRCULAR, ZERO, Padding, convolve
from onenoise_jax.nn.regions import RegionImage, convolve_regions, region_patches
from onenoise_jax.nn.residual import ModulationMaps, ResidualBlock

RNG = np.random.default_rng(0)
REGIONS = jnp.asarray(RNG.integers(0, 3, (2, 6, 8)))
VALUES = jnp.asarray(RNG.standard_normal((2, 3, 5)), jnp.float32)
KERNEL = jnp.asarray(RNG.standard_normal((3, 3, 5, 4)), jnp.float32)
PADDINGS = [ZERO, CIRCULAR, Padding(circular_x=True)]


def painted(values):
    """The image itself: each pixel the value of its region."""
    return values[jnp.arange(2)[:, None, None], REGIONS]


@pytest.mark.parametrize("padding", PADDINGS, ids=str)
def test_equal_to_convolving_the_painted_image(padding):
    patches = region_patches(REGIONS, 3, 3, padding)

    def by_regions(values, kernel):
        return convolve_regions(RegionImage(patches, values), kernel)

    def by_pixels(values, kernel):
        return convolve(painted(values), kernel, padding)

    found, expected = by_regions(VALUES, KERNEL), by_pixels(VALUES, KERNEL)
    np.testing.assert_allclose(found, expected, atol=1e-4)

    def gradients(f):
        loss = jax.grad(lambda *inputs: jnp.sum(jnp.sin(f(*inputs))), (0, 1))
        return jax.jit(loss)(VALUES, KERNEL)

    for a, b in zip(gradients(by_regions), gradients(by_pixels), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_modulation_maps_share_their_parameters():
    module = ModulationMaps(4)
    variables = jax.jit(module.init)(jax.random.key(0), painted(VALUES))
    variables = jax.tree.map(lambda leaf: leaf + 0.1, variables)
    image = RegionImage(region_patches(REGIONS, 3, 3, CIRCULAR), VALUES)
    apply = jax.jit(module.apply, static_argnums=2)
    by_pixels = apply(variables, painted(VALUES), CIRCULAR)
    by_regions = apply(variables, image, CIRCULAR)
    for a, b in zip(by_regions, by_pixels, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_modulation_scales_and_shifts_before_the_first_activation():
    """With a scale of -1 the first half's input is gone and only the shift goes on."""
    module = ResidualBlock(4, groups=2)
    x = painted(VALUES)[..., :4]
    variables = jax.jit(module.init)(jax.random.key(0), x)
    apply = jax.jit(module.apply)
    ones = jnp.ones_like(x)
    plain = apply(variables, x)
    neutral = apply(variables, x, None, (0 * ones, 0 * ones))
    np.testing.assert_allclose(neutral, plain, atol=1e-6)
    residues = [apply(variables, y, None, (-ones, 2 * ones)) - y for y in (x, 3 * x - 1)]
    np.testing.assert_allclose(*residues, atol=1e-4)
    assert not np.allclose(residues[0], plain - x, atol=1e-2)


def test_the_embedding_reaches_each_image_of_its_own():
    module = ResidualBlock(4, groups=2)
    x = painted(VALUES)
    embedding = jnp.asarray(RNG.standard_normal((2, 3)), jnp.float32)
    variables = jax.jit(module.init)(jax.random.key(0), x, embedding)
    apply = jax.jit(module.apply)
    before = apply(variables, x, embedding)
    after = apply(variables, x, embedding.at[1].add(1.0))
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.allclose(before[1], after[1], atol=1e-3)
