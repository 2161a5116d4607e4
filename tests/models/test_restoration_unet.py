"""The restoration networks: sizes, channels, and how far an output pixel sees."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.models.restoration_unet import (
    PAPER,
    SHARED,
    RestorationUNet,
    RestorationUNetConfig,
    initial_variables,
    reach,
)


def parameters(config: RestorationUNetConfig) -> int:
    abstract = jax.eval_shape(lambda key: initial_variables(config, key), jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(abstract))


def test_sizes_are_the_published_ones():
    assert parameters(PAPER) == 991_203
    assert parameters(SHARED) == 700_611
    nine = dataclasses.replace(PAPER, channels=9)
    # The stem's and the first convolution of the head see six channels more.
    assert parameters(nine) - parameters(PAPER) == 9 * 6 * (48 + 64)


@pytest.mark.parametrize("published", [PAPER, SHARED])
def test_any_number_of_channels_goes_in_and_out(published):
    config = dataclasses.replace(published, channels=9, output_channels=1, width=3)
    params = jax.eval_shape(lambda key: initial_variables(config, key), jax.random.key(0))
    image = jax.ShapeDtypeStruct((2, 32, 64, 9), jnp.float32)
    found = jax.eval_shape(RestorationUNet(config).apply, params, image)
    assert (found.shape, found.dtype) == ((2, 32, 64, 1), jnp.float32)


def test_a_size_that_does_not_divide_is_refused():
    params = jax.eval_shape(lambda key: initial_variables(PAPER, key), jax.random.key(0))
    with pytest.raises(ValueError, match="multiples of 32"):
        RestorationUNet(PAPER).apply(params, jnp.zeros((1, 32, 48, 3)))


@pytest.mark.parametrize("published", [PAPER, SHARED])
def test_no_pixel_beyond_the_reach_is_seen_and_one_within_is(published):
    """Of all 32 places that an output can have in the coarsest cell, one sees as far as `reach`."""
    # Positive kernels and inputs: no path is cut off by an activation, and none cancels.
    config = dataclasses.replace(published, width=3, channels=1, output_channels=1, center=0.0)
    params = jax.tree.map(
        lambda leaf: jnp.full(leaf.shape, 1.0) if leaf.ndim > 1 else jnp.zeros(leaf.shape),
        jax.eval_shape(lambda key: initial_variables(config, key), jax.random.key(0)),
    )
    size, middle = 384, 192

    @jax.jit
    def seen(column):
        def output(image):
            return RestorationUNet(config).apply(params, image)[0, middle, column, 0]

        image = jnp.ones((1, size, size, 1)) + jnp.arange(size * size).reshape(1, size, size, 1)
        return jnp.any(jax.grad(output)(image / image.max())[0, :, :, 0] != 0, axis=0)

    farthest = 0
    for column in (middle, middle + 31):
        columns = np.flatnonzero(np.asarray(seen(column)))
        farthest = max(farthest, column - columns.min(), columns.max() - column)
    assert 0 < farthest <= reach(config) < farthest + 32
