"""Floor 2: networks, each with a frozen config. No losses, no data."""
