"""What a run shows of itself: PSNR, SSIM and pictures of held-out images with fixed noise."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.random import stream_key
from onenoise_jax.evaluation.fidelity import as_bytes, fidelity
from onenoise_jax.families.noise2noise.corruptions import Corruption
from onenoise_jax.families.noise2noise.datasets import Row
from onenoise_jax.families.noise2noise.loss import ObjectiveConfig, pair
from onenoise_jax.families.noise2noise.tone import tone_map
from onenoise_jax.models.restoration_unet import RestorationUNet
from onenoise_jax.training.family import Preview
from onenoise_jax.training.step import PyTree

SHOWN = 4
"""Images in a picture."""


class HeldOut:
    """Held-out images, spoilt once: what is compared is (n, size, size, c) in [0, 1].

    The noise of image i is a function of (seed, i): every measurement sees the same. They are
    compared with the clean image, of a user's own pairs with the other noisy one, and renders
    with their target, tone-mapped.
    """

    def __init__(
        self, rows: Sequence[Row], corruption: Corruption, model: RestorationUNet, seed: int
    ):
        compared = jax.jit(
            lambda row, key: pair(ObjectiveConfig(targets="clean"), corruption, row, key)
        )
        keys = [stream_key(seed, "validation", i) for i in range(len(rows))]
        pairs = [compared(row, key) for row, key in zip(rows, keys, strict=True)]
        self._inputs = np.stack([np.asarray(source) for source, *_ in pairs])
        show = tone_map if "render" in rows[0] else jnp.asarray
        self._targets = np.stack([np.asarray(show(target)) for _, target, _ in pairs])
        self._restore = jax.jit(lambda params, images: show(model.apply(params, images)))

    def measure(self, params: PyTree) -> Mapping[str, float]:
        """Mean PSNR and SSIM of the restored images."""
        restored = self._restored(params, len(self._inputs))
        found = [fidelity(*images) for images in zip(restored, self._targets, strict=True)]
        return {
            "validation_psnr": float(np.mean([f.psnr for f in found])),
            "validation_ssim": float(np.mean([f.ssim for f in found])),
        }

    def preview(self) -> Preview:
        """Targets and inputs, and what the network makes of them."""
        count = min(SHOWN, len(self._inputs))
        targets = self._targets[:count]
        inputs = self._inputs[:count, ..., : targets.shape[-1]]
        noisy = [fidelity(a, b).psnr for a, b in zip(inputs, targets, strict=True)]
        return Preview(
            columns=tuple(f"noisy {psnr:.1f} dB" for psnr in noisy),
            fixed_rows={"target": as_bytes(targets), "noisy": as_bytes(inputs)},
            generate=lambda params: as_bytes(self._restored(params, count)),
        )

    def _restored(self, params: PyTree, count: int) -> np.ndarray:
        """One image after another: memory for one is enough."""
        images = [self._restore(params, jnp.asarray(image[None])) for image in self._inputs[:count]]
        return np.concatenate([np.asarray(image) for image in images])
