"""Several byte models as one: their next-byte distributions, pooled, are again a byte model."""
