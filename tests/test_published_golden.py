"""Every shipped network has the parameters, MACs and digest that it had.

After a change that is meant: `python tests/test_published_golden.py` writes the file anew.
"""

from pathlib import Path
from typing import Any

import yaml

from nas.architecture import Architecture
from nas.architecture.published import published_names, published_path
from nas.cost import cost
from nas.space.reading import read_document

GOLDEN = Path(__file__).parent / "golden" / "published.yaml"


def figures(name: str, variant: str | None = None) -> dict[str, Any]:
    architecture = Architecture.load(name, variant)
    price = cost(architecture)
    return {"parameters": price.parameters, "macs": price.macs, "digest": architecture.digest}


def all_figures() -> dict[str, dict[str, Any]]:
    """Of every document, and of its variants as `name, variant`."""
    found = {}
    for name in published_names():
        found[name] = figures(name)
        for variant in read_document(published_path(name))["architecture"].get("variants", {}):
            found[f"{name}, {variant}"] = figures(name, variant)
    return found


def test_every_shipped_network_is_what_it_was() -> None:
    assert all_figures() == yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(yaml.safe_dump(all_figures(), sort_keys=False), encoding="utf-8")
