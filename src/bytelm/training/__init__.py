"""Training models over bytes: entropy models, Byte Latent Transformers and plain transformers over bytes."""
