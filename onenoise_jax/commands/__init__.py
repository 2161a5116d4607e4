"""Subcommands that belong to no family, since they serve the runs and weights of all."""

from onenoise_jax.commands.info import INFO

COMMANDS = (INFO,)
