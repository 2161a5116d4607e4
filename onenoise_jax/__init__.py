"""Noise models in JAX: textures, restoration, pixel and latent diffusion, golden noise."""
