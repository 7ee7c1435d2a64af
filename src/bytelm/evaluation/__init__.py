"""How good byte models are: on texts, beside a teacher, and on the tasks of lm-eval-harness."""
