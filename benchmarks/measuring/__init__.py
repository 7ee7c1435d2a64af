"""The parts of ``benchmarks/speed.py``: what is measured, how, and how it is shown."""
