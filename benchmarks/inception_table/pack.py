"""Makes the table of its trainings: `python benchmarks/inception_table/pack.py RESULTS.jsonl OUT.npz`.

RESULTS.jsonl is what `generate.py` wrote. Prints what the table says of itself: the spread of accuracies, how far a
second training repeats the first, and how well epochs before the last and costs rank its networks.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from inception_table.networks import rows

from nas.search.agreement import kendall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    lines = sorted(map(json.loads, options.results.read_text().splitlines()), key=lambda line: line["row"])
    trained = [line for line in lines if line["seed"] == 0]
    candidates = [rows()[line["row"]].candidate for line in trained]
    columns = {
        "row": np.array([line["row"] for line in trained], np.int16),
        "digest": np.array([candidate.digest for candidate in candidates]),
        "parameters": np.array([candidate.cost.parameters for candidate in candidates]),
        "macs": np.array([candidate.cost.macs for candidate in candidates]),
        "val_accuracy": np.array([line["accuracy"] for line in trained], np.float32),
        "val_loss": np.array([line["loss"] for line in trained], np.float32),
        "seconds": np.array([line["seconds"] for line in trained], np.float32),
    }
    again = [line for line in lines if line["seed"] == 1]
    columns["again_row"] = np.array([line["row"] for line in again], np.int16)
    columns["again_val_accuracy"] = np.array([line["accuracy"] for line in again], np.float32)
    np.savez_compressed(options.out, **columns)
    final = columns["val_accuracy"][:, -1]
    print(
        f"{len(trained)} of {len(rows())} networks; last epoch {final.mean():.4f} ± {final.std(ddof=1):.4f}, ", end=""
    )
    print(f"from {final.min():.4f} to {final.max():.4f}")
    first = dict(zip(columns["row"].tolist(), final.tolist(), strict=True))
    pairs = np.array([(first[line["row"]], line["accuracy"][-1]) for line in again])
    between_seeds, of_networks = np.std(pairs[:, 0] - pairs[:, 1], ddof=1) / 2**0.5, pairs.mean(1).std(ddof=1)
    print(
        f"{len(pairs)} with another training seed: Kendall's tau {kendall(*pairs.T):.2f}, standard deviation ", end=""
    )
    print(f"between seeds {between_seeds:.4f}, of these networks {of_networks:.4f}")
    for epoch, accuracy in enumerate(columns["val_accuracy"].T[:-1], 1):
        print(f"after epoch {epoch}: Kendall's tau with the last {kendall(accuracy, final):.2f}")
    for name in ("parameters", "macs"):
        print(f"{name}: Kendall's tau with accuracy {kendall(columns[name], final):.2f}")


if __name__ == "__main__":
    main()
