"""Initial values of parameters."""

from flax import linen as nn

# U(-1/sqrt(fan_in), 1/sqrt(fan_in)): variance 1 / (3 fan_in), PyTorch's default for kernels.
# Biases are zero here (PyTorch draws them from the same range).
kernel_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
bias_init = nn.initializers.zeros_init()

# N(0, 1), so that a vector of d entries has a norm near sqrt(d).
embedding_init = nn.initializers.normal(1.0)

# N(0, 2 / fan_in), which keeps the variance through ReLU: He et al. 2015, arXiv:1502.01852.
he_init = nn.initializers.he_normal()
