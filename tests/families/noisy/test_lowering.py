"""The programs of a run lower for the machines it is meant for, from one that has neither."""

import jax
import numpy as np
import pytest

from configs.noisy import maria
from onenoise_jax import families
from onenoise_jax.diffusion.samplers import DDIM
from onenoise_jax.families.noisy.sampling import make_draw, make_stages, rows_of
from onenoise_jax.models.pixel_unet import PixelUNet
from tests.families.lowering import PLATFORMS, assert_the_step_lowers
from tests.families.noisy.small import DIFFUSION, NARROW, abstract_params, write_pictures


def test_the_train_step_lowers_for_tpu_and_gpu(tmp_path):
    """Over eight devices that divide the state, in bfloat16."""
    config = maria.get_config("test")
    config.data.source, config.data.cache = f"{write_pictures(tmp_path / 'p')}", f"{tmp_path / 'c'}"
    config.model.dtype = "bfloat16"
    config.mesh.fsdp = 4
    assert_the_step_lowers(families.build(config.to_dict()))


@pytest.mark.parametrize("stages", [None, 2])
def test_the_sampler_lowers_for_tpu_and_gpu(stages):
    arguments = (PixelUNet(NARROW), DIFFUSION.process(), "noise", DDIM(3, eta=1.0))
    draw = make_draw(*arguments) if stages is None else make_stages(*arguments, stages)
    rows = jax.tree.map(np.asarray, rows_of(0, "sample", range(2), (16, 16, 1))[:1])
    keys = jax.random.split(jax.random.key(0), 2)
    params = abstract_params(NARROW)
    exported = jax.export.export(draw, platforms=PLATFORMS)(params, *rows, keys)
    assert exported.platforms == PLATFORMS
    shape = (2, 16, 16, 1) if stages is None else (2, 2, 16, 16, 1)
    assert [out.shape for out in exported.out_avals] == [shape]
