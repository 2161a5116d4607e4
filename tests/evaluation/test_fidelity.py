"""PSNR by its formula; both numbers of equal images; what is too small for SSIM."""

import math

import numpy as np
import pytest

from onenoise_jax.evaluation.fidelity import Fidelity, as_bytes, fidelity, psnr

rng = np.random.default_rng(0)
CLEAN = rng.random((16, 20, 3))


def test_psnr_is_of_bytes_and_of_all_channels_together():
    image = CLEAN + rng.normal(0, 0.3, CLEAN.shape)
    errors = as_bytes(image).astype(float) - as_bytes(CLEAN)
    wanted = 10 * math.log10(255**2 / np.mean(errors**2))
    assert psnr(image, CLEAN) == pytest.approx(wanted, abs=1e-9)
    assert fidelity(image, CLEAN).psnr == psnr(image, CLEAN)
    assert 0 < fidelity(image, CLEAN).ssim < 1


def test_what_rounds_to_the_same_is_equal():
    assert fidelity(CLEAN + 1e-9, CLEAN) == Fidelity(math.inf, 1.0)
    assert psnr(as_bytes(CLEAN) / 255, CLEAN) == math.inf


def test_ssim_needs_eleven_pixels():
    small = CLEAN[:10]
    assert math.isnan(fidelity(1 - small, small).ssim)
