"""Floor 2: records of images or arrays, shards, sources and batches; numpy and grain only."""
