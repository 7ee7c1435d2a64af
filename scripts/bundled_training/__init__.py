"""Parts of ``scripts/train_bundled.py``: corpus, tokenizers, FIM, model, training loop, export."""
