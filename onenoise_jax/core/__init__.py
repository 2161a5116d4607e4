"""Floor 0: what every room may use. Errors, files, random streams, named trees, typed config."""
