"""Train one network, or search for one: `python train.py --help` says how.

The same as `python -m nas train`, which an installed package has.
"""

from nas.command import main

if __name__ == "__main__":
    raise SystemExit(main())
