"""Draws every published network into docs/images/family and writes docs/gallery.md: `python docs/make_gallery.py`."""

from pathlib import Path

from nas.architecture import Architecture
from nas.architecture.published import FOLDER, published_names
from nas.cost import cost
from nas.drawing import draw

DOCS = Path(__file__).parent
PICTURES = DOCS / "images" / "family"

INTRODUCTION = """\
# The gallery of the family

Every network is a document under `search_spaces/published`; nothing of it is code. Train one with
`python train.py architecture=NAME`, list its ops with `python -m nas describe NAME`, draw it with
`python -m nas draw NAME`. What the documents were read from, and where sources disagree: [the family](family.md).

Parameters and multiply-adds (convolutions and linear layers) are for inference, without aux heads.

| network | input | parameters | multiply-adds |
|---|---|---|---|
"""


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    rows, pictures = [], []
    for name in published_names():
        architecture = Architecture.load(name)
        (PICTURES / f"{name}.svg").write_text(draw(architecture, title=name), encoding="utf-8")
        price = cost(architecture)
        size = "×".join(map(str, architecture.input))
        rows.append(f"| [{name}](#{name}) | {size} | {price.parameters:,} | {price.macs:,} |")
        pictures.append(f"\n## {name}\n\n{_comment(name)}\n\n![{name}](images/family/{name}.svg)\n")
    (DOCS / "gallery.md").write_text(INTRODUCTION + "\n".join(rows) + "\n" + "".join(pictures), encoding="utf-8")


def _comment(name: str) -> str:
    """What the document says of itself in its first lines."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:first])


if __name__ == "__main__":
    main()
