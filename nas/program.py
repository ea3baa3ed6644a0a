"""How the user called us, and how what they asked for ends."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from nas.errors import InputError


def program() -> str:
    """`python train.py` in a checkout, else `python -m nas train`: for commands that are shown to be typed again."""
    return "python train.py" if Path(sys.argv[0]).name == "train.py" else "python -m nas train"


def status(command: Callable[[], int]) -> int:
    """Runs a command; gives back its exit status. Input that is refused is one message on stderr, and status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "×" or "→" is no reason to end
    try:
        ended = command()
        sys.stdout.flush()
        return ended
    except BrokenPipeError:  # whoever read our output, such as `head`, has had enough: the rest is thrown away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
