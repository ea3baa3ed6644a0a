"""What is kept of a training with its trial."""

from dataclasses import asdict
from typing import Any

from optuna.trial import Trial

from nas.search.screening import SECONDS
from nas.training.result import Latency, Result


def record(trial: Trial, result: Result) -> dict[str, Any]:
    """Keeps what came of a training, with the seconds of its screening; gives what was measured of the network."""
    trained: dict[str, Any] = {"epochs": result.epochs, "threads": result.threads, "device": result.device}
    if result.devices > 1:
        trained["devices"] = result.devices
    if result.micro_batch is not None:
        trained["micro_batch"] = result.micro_batch
    trial.set_user_attr("trained", trained)
    trial.set_user_attr("seconds", round(result.seconds + trial.user_attrs.get(SECONDS, 0.0), 3))
    trial.set_user_attr("versions", result.versions)
    return {} if result.latency is None else {"latency": record_latency(trial, result.latency)}


def record_latency(trial: Trial, latency: Latency) -> float:
    """In milliseconds a batch."""
    trial.set_user_attr("latency", asdict(latency))
    return 1000 * latency.median
