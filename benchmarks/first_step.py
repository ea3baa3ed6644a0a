"""Notes when a search's first optimiser step is done; imported by its processes with `imports=[first_step]`.

In the driver, which has no torch, it does nothing.
"""

import os
import sys
import time
from pathlib import Path

FILE = "FIRST_STEP_FILE"
"""The environment variable with the path of the file that is written: seconds of the system's monotonic clock."""


def note(*_: object) -> None:
    path = Path(os.environ[FILE])
    if not path.exists():
        path.write_text(str(time.monotonic()))


if "torch" in sys.modules:
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(note)
