"""Learning rate, and the two averages of the weights."""

import math

from torch import Tensor, nn


def learning_rate(
    step: int, *, per_epoch: int, base: float, warmup: int, period: int, multiple: int, floor: float
) -> float:
    """Linear warm-up, then cosine annealing with warm restarts (App. B b).

    Parameters
    ----------
    step, per_epoch : int
        Steps done and steps in an epoch.
    warmup, period : int
        Epochs; each later period is `multiple` times longer.
    floor : float
        Lowest rate as a share of `base`.
    """
    epoch = step / per_epoch
    if epoch < warmup:
        return base * (step + 1) / (warmup * per_epoch)
    epoch, length = epoch - warmup, float(period)
    while epoch >= length and multiple > 0:
        epoch, length = epoch - length, length * multiple
    return base * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(epoch / length, 1.0))))


def update_average(average: dict[str, Tensor], net: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights, in place."""
    for name, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value.detach().float(), 1 - decay)
        else:
            average[name].copy_(value)
