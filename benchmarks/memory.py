"""Peak memory of a search on two slots over that of two plain loops at once: `python benchmarks/memory.py [--n 2]`.

The memory of all processes of a command, with what they share counted once (their proportional set sizes), looked at
every tenth of a second. The plain loops (`plain_loop.py`) train the candidates of the search, every other one each, and
import no Lightning. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from processes import HERE, adopt_orphans, descendants, environment, spread, wait_for_orphans
from searches import command, counted, documents_of

from environment import described

MEGABYTE = 2**20
PAUSE = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=8)
    options = parser.parse_args()
    adopt_orphans()
    print(described())
    ratios = []
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        for turn in range(options.n):
            ours = peak([command(folder, str(turn), options.candidates, 1, 2)], folder)
            documents = documents_of(counted(folder / str(turn)), 1)
            loops = []
            for share in range(2):
                file = folder / f"documents_{turn}_{share}.json"
                file.write_text(json.dumps(documents[share::2]))
                loops.append([sys.executable, str(HERE / "plain_loop.py"), str(file)])
            bare = peak(loops, folder)
            ratios.append(ours / bare)
            print(f"peak: search {ours / MEGABYTE:.0f} MB, two plain loops {bare / MEGABYTE:.0f} MB", flush=True)
    print(f"peak memory of a search on two slots over two plain loops: {spread(ratios)}")


def peak(commands: list[list[str]], folder: Path) -> int:
    """The most bytes that the commands, run at once, and all that came of them have at a time."""
    most = 0
    running = [
        subprocess.Popen(each, env=environment(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for each in commands
    ]
    while any(process.poll() is None for process in running):
        most = max(most, sum(map(proportional, descendants())))
        time.sleep(PAUSE)
    if any(process.returncode for process in running):
        raise SystemExit(f"{commands} failed")
    wait_for_orphans()
    return most


def proportional(process: Path) -> int:
    """A process's bytes, shared ones divided by how many share them."""
    with suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
