"""From next-byte distributions to text: ranking, sampling, stop strings, whole characters, generation."""
