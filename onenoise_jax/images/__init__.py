"""Floor 1: labelled grids of images, picture files and animations."""
