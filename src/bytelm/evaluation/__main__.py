"""``python -m bytelm.evaluation``: the command line of lm-eval-harness, which knows ``--model bytelm``."""

from bytelm.evaluation import harness
from bytelm.evaluation.extras import harness_module

assert harness.NAME, "its import makes the model known"

if __name__ == "__main__":
    harness_module("lm_eval.__main__").cli_evaluate()
