"""Floor 1: Linen parts that networks share. Images are (batch, height, width, channels)."""
