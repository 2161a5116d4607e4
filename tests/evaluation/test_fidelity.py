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


def test_fidelity_is_what_the_formulas_say():
    clean = np.full((32, 32, 3), 100 / 255)
    noisy = clean + 10 / 255
    assert fidelity(noisy, clean).psnr == pytest.approx(20 * np.log10(255 / 10), abs=1e-6)
    assert fidelity(clean, clean) == Fidelity(float("inf"), 1.0)
    # The means alone differ: Wang et al. 2004, (6), with C1 = (0.01 * 255)^2.
    c1 = 2.55**2
    wanted = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)
    assert fidelity(noisy, clean).ssim == pytest.approx(wanted, abs=1e-6)
    # Clipped and rounded first.
    assert fidelity(clean + 0.4 / 255, clean).psnr == float("inf")
    assert fidelity(np.full((32, 32, 3), 1.5), np.ones((32, 32, 3))).psnr == float("inf")


def test_bands_are_not_seen(monkeypatch):
    clean = rng.random((64, 24, 3))
    image = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1)
    whole = fidelity(image, clean).ssim
    for rows in (1, 7, 54, 60):
        monkeypatch.setattr("onenoise_jax.evaluation.fidelity.BAND", rows)
        assert fidelity(image, clean).ssim == pytest.approx(whole, abs=1e-12)
