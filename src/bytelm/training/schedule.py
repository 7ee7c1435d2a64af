"""The learning rate over a run, as a share of the highest one."""

import math

from bytelm.training.run_config import OptimizerConfig


def rate_factor(config: OptimizerConfig, step: int, steps: int) -> float:
    """What the highest learning rate is multiplied by at a step; it depends on nothing else.

    It rises linearly over the warm-up, ``1 / warmup`` at the first step, and is one at the last step of the warm-up
    and at the one after. From there ``"cosine"`` falls along half a period, and would be ``final`` behind the last
    step; ``"wsd"`` (warm-up, stable, decay; Hu et al. 2024, "MiniCPM", section 4) stays, and falls linearly over the
    last ``decay_share`` of the steps; ``"constant"`` stays.

    Args:
        config: the schedule.
        step: 0 for the first one; steps behind the last one have what is reached there.
        steps: of the whole run.
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    falling = config.decay_steps(steps) if config.schedule == "wsd" else steps - config.warmup
    left = min(max((steps - step) / falling, 0.0), 1.0) if falling else float(step < steps)
    if config.schedule == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    return config.final + (1 - config.final) * left
