"""How programs are compiled: kept between runs, and on CPUs by the quicker of two libraries.

XLA:CPU gives single convolutions and matrix products to YNNPACK by default. For the networks here
its own way, through Eigen, makes whole steps faster (docs/performance.md has by how much); sums
stay with YNNPACK.
"""

import os
from pathlib import Path

import jax

_LIBRARY = "--xla_cpu_experimental_ynn_fusion_type"
_LESS = "-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION,-LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"


def configure_compiler() -> str:
    """Turns the cache of compiled programs on and returns its folder; chooses the CPU's library.

    The folder is JAX_COMPILATION_CACHE_DIR, or `~/.cache/onenoise_jax/compiled`. The choice is an
    option in XLA_FLAGS, which is left as it is where it is there already. To be called before the
    first computation, which reads XLA_FLAGS.
    """
    options = os.environ.get("XLA_FLAGS", "")
    if _LIBRARY not in options:
        os.environ["XLA_FLAGS"] = f"{options} {_LIBRARY}={_LESS}".strip()
    default = Path.home() / ".cache" / "onenoise_jax" / "compiled"
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(default))
    jax.config.update("jax_compilation_cache_dir", folder)
    return folder
