"""Weights of Byte Latent Transformers in the forms in which they are published."""
