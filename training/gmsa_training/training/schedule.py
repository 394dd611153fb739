"""The learning rate of a step."""

from gmsa_training.config import Stage


def learning_rate(stage: Stage, step: int, elapsed: float) -> float:
    """Warm-up, constant, and a linear fall to the final value over the last `decay` of the stage, by steps or by seconds."""
    progress = max(step / stage.steps if stage.steps else 0.0, elapsed / stage.seconds if stage.seconds else 0.0)
    warmup = min(1.0, (step + 1) / max(1, stage.warmup_steps))
    if stage.decay <= 0 or progress <= 1 - stage.decay:
        return stage.learning_rate * warmup
    left = max(0.0, (1 - progress) / stage.decay)
    return warmup * (stage.final_learning_rate + (stage.learning_rate - stage.final_learning_rate) * left)
