"""The parts of ``benchmarks/speed.py`` and ``benchmarks/proofs.py``: what is measured, how, and how it is shown."""
