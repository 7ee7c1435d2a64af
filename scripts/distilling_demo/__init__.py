"""The parts of `scripts/distill_demo.py`: one student taught by four losses, for as many steps and as many seconds."""
