"""What was measured, as tables for people."""
