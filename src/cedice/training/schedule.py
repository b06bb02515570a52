"""The learning rate of every optimiser step."""

_POWER = 0.9  # as in nnU-Net


def rate(schedule: str, start: float, step: int, steps: int) -> float:
    """Of a step, numbered from 0 to ``steps`` − 1: ``start`` if constant, start · (1 − step/steps)^0.9 if poly."""
    return start if schedule == "constant" else start * (1 - step / steps) ** _POWER
