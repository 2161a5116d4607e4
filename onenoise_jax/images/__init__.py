"""Floor 1: labelled grids of images, and picture files."""
