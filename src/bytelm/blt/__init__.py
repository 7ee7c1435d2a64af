"""The Byte Latent Transformer: patches of bytes, a large transformer over patches, small ones over bytes.

Pagnoni et al. 2024, "Byte Latent Transformer: Patches Scale Better Than Tokens", arXiv 2412.09871.
"""
