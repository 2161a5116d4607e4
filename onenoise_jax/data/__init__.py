"""Floor 1: records of images or arrays, shards, sources and batches; numpy and grain only."""
