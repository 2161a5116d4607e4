"""Compiled programs are kept between runs."""

import os
from pathlib import Path

import jax


def keep_compiled_programs() -> str:
    """Turns the cache of compiled programs on and returns its folder.

    It is JAX_COMPILATION_CACHE_DIR, or `~/.cache/onenoise_jax/compiled`.
    """
    default = Path.home() / ".cache" / "onenoise_jax" / "compiled"
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(default))
    jax.config.update("jax_compilation_cache_dir", folder)
    return folder
