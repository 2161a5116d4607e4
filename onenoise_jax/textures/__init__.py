"""Floor 1: procedural noise textures in JAX, and the vocabulary of their types and parameters."""
