import os
import subprocess
import sys

import pytest

PRODUCT = """
import jax, jax.numpy as jnp
from onenoise_jax.core.compilation import configure_compiler
{configure}
a = jnp.ones((512, 512))
print("ynn_fusion" in jax.jit(jnp.dot).lower(a, a).compile().as_text())
"""


@pytest.mark.parametrize(
    ("configure", "options", "found"),
    [
        # What is avoided: if this is no longer there, the option has had its time.
        ("", "", "True"),
        ("configure_compiler()", "", "False"),
        ("configure_compiler()", "--xla_cpu_enable_fast_math=false", "False"),
        # The user's choice is kept.
        (
            "configure_compiler()",
            "--xla_cpu_experimental_ynn_fusion_type=+LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
            "True",
        ),
    ],
)
def test_products_are_not_given_to_the_slower_library(configure, options, found, tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", PRODUCT.format(configure=configure)],
        env=os.environ | {"XLA_FLAGS": options, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [found]


def test_the_folder_of_compiled_programs_is_the_users(tmp_path):
    program = "from onenoise_jax.core.compilation import configure_compiler as c\nprint(c())"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [str(tmp_path)]
