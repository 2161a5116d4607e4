"""What a run shows of itself: PSNR, SSIM and pictures of held-out images with fixed noise."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.core.random import stream_key
from onenoise_jax.data.crops import centre_crop
from onenoise_jax.data.images import ImageSource
from onenoise_jax.evaluation.fidelity import as_bytes, fidelity
from onenoise_jax.families.noise2noise.corruptions import Corruption
from onenoise_jax.models.restoration_unet import RestorationUNet
from onenoise_jax.training.family import Preview
from onenoise_jax.training.step import PyTree

SHOWN = 4
"""Images in a picture."""


class HeldOut:
    """The middle of each held-out image, (n, size, size, c) in [0, 1], clean and spoilt.

    The noise of image i is a function of (seed, i): every measurement sees the same.
    """

    def __init__(
        self,
        source: ImageSource,
        size: int,
        corruption: Corruption,
        model: RestorationUNet,
        seed: int,
    ):
        crops = [centre_crop(source[i].pixels, size) for i in range(len(source))]
        self._clean = np.stack(crops).astype(np.float32) / 255
        spoil = jax.jit(lambda key, image: corruption(key, image)[0])
        keys = [stream_key(seed, "validation", i) for i in range(len(crops))]
        self._spoilt = np.stack(
            [np.asarray(spoil(key, image)) for key, image in zip(keys, self._clean, strict=True)]
        )
        self._restore = jax.jit(model.apply)

    def measure(self, params: PyTree) -> Mapping[str, float]:
        """Mean PSNR and SSIM of the restored images."""
        found = [
            fidelity(restored, clean)
            for restored, clean in zip(
                self._restored(params, len(self._clean)), self._clean, strict=True
            )
        ]
        return {
            "validation_psnr": float(np.mean([f.psnr for f in found])),
            "validation_ssim": float(np.mean([f.ssim for f in found])),
        }

    def preview(self) -> Preview:
        """Clean and spoilt images, and what the network makes of them."""
        count = min(SHOWN, len(self._clean))
        clean, spoilt = self._clean[:count], self._spoilt[:count]
        noisy = [fidelity(a, b).psnr for a, b in zip(spoilt, clean, strict=True)]
        return Preview(
            columns=tuple(f"noisy {psnr:.1f} dB" for psnr in noisy),
            fixed_rows={"clean": as_bytes(clean), "noisy": as_bytes(spoilt)},
            generate=lambda params: as_bytes(self._restored(params, count)),
        )

    def _restored(self, params: PyTree, count: int) -> np.ndarray:
        """One image after another: memory for one is enough."""
        images = [self._restore(params, jnp.asarray(image[None])) for image in self._spoilt[:count]]
        return np.concatenate([np.asarray(image) for image in images])
