"""Floor 3: measures of images that families share. Arrays in, numbers out."""
