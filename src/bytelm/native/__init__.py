"""Models that are over bytes to begin with."""
