"""Where a run tells how it goes: metrics.jsonl always, TensorBoard and Weights & Biases where that is asked for."""
