"""Continuations with their log-probabilities: what a model generates, and the most probable ones by beam search."""
