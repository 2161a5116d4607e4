"""Floor 1: labelled images as records, shards, sources and batches; numpy and grain only."""
