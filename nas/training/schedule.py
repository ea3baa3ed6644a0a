"""The learning rate of every step, as a factor of the recipe's `lr`."""

from math import cos, floor, pi

from nas.training.recipe import Training


def learning_rate_factor(training: Training, step: int, steps_per_epoch: int) -> float:
    """The factor of step `step` (from 0): a linear warm-up to 1, then the recipe's schedule.

    The cosine falls from the end of the warm-up to 0 at the end of the training (Loshchilov & Hutter 2017, eq. 5);
    step and exponential count their epochs from the first step, warm-up included.
    """
    warmup = round(training.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    decays = step / steps_per_epoch / training.decay_epochs
    match training.schedule:
        case "cosine":
            done = (step - warmup) / max(1, training.epochs * steps_per_epoch - warmup)
            return 0.5 * (1 + cos(pi * min(1.0, done)))
        case "step":
            return float(training.decay ** floor(decays))
        case "exponential":
            return float(training.decay**decays)
        case _:
            return 1.0
