"""Distillation: a byte model learns from a model over tokens, its teacher."""
