"""Floor 1: diffusion as arithmetic on arrays. No network, no flax, no pixels in particular.

x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e,  e ~ N(0, I),  t = 0 .. T - 1

with abar_t the running product of 1 - beta_t. Timesteps count from 0, the least noisy.
"""
