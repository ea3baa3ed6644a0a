"""How the user called us, and whether anybody still reads what we say."""

import os
import sys
from pathlib import Path


def program() -> str:
    """`python train.py` in a checkout, else `python -m nas train`: for commands that are shown to be typed again."""
    return "python train.py" if Path(sys.argv[0]).name == "train.py" else "python -m nas train"


def nobody_reads() -> None:
    """Throws away what is still to be printed: whoever read our output, such as `head`, has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
