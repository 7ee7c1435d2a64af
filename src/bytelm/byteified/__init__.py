"""Subword models turned into byte models, which are then trained."""
