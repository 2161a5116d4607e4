"""The programs of a run lower for the machines it is meant for, from one that has neither."""

import jax
import numpy as np
import pytest

from onenoise_jax import families
from onenoise_jax.core.config import construct
from onenoise_jax.diffusion.drawing import make_sampler
from onenoise_jax.families.onenoise.config import OnenoiseConfig
from onenoise_jax.families.onenoise.sampling import make_draw
from onenoise_jax.models.texture_condition import RegionCondition
from onenoise_jax.models.texture_unet import (
    TextureUNet,
    initial_variables,
)
from tests.families.lowering import PLATFORMS, assert_the_step_lowers
from tests.families.onenoise.examples import experiment, write_waves


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    return write_waves(tmp_path_factory.mktemp("waves") / "data")


def test_the_train_step_lowers_for_tpu_and_gpu(waves):
    """Over eight devices that divide the state, in bfloat16, with all that costs memory saved."""
    changes = {"model__dtype": "bfloat16", "model__remat": True, "train__accumulation": 1}
    family = families.build(experiment("tiny", waves, mesh__fsdp=4, **changes).to_dict())
    assert_the_step_lowers(family)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm_solver"])
def test_the_samplers_lower_for_tpu_and_gpu(waves, sampler):
    options = construct(
        OnenoiseConfig, experiment("tiny", waves, sample__sampler=sampler).to_dict(), "config"
    )
    process = options.diffusion.process()
    draw = make_draw(TextureUNet(options.model), process, "noise", make_sampler(options.sample))
    params = jax.eval_shape(lambda key: initial_variables(options.model, key), jax.random.key(0))
    condition = RegionCondition(
        regions=np.zeros((2, 16, 16), np.int32),
        classes=np.zeros((2, 1), np.int32),
        parameters=np.zeros((2, 1, 25), np.float32),
    )
    noise, keys = np.zeros((2, 16, 16, 1), np.float32), jax.random.split(jax.random.key(0), 2)
    exported = jax.export.export(draw, platforms=PLATFORMS)(params, condition, noise, keys)
    assert exported.platforms == PLATFORMS
    assert [out.shape for out in exported.out_avals] == [(2, 16, 16, 1)]
