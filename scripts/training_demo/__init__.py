"""The parts of `scripts/train_demo.py`: three ways to read text, trained for as much computation each."""
