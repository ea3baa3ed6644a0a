"""`python -m nas predict`: the classes of image files, by a network that was found or exported."""

import sys
from argparse import Namespace
from pathlib import Path

import torch

from nas.data.listing import ENDINGS
from nas.errors import InputError
from nas.export.layout import printable
from nas.export.loading import load


def run(given: Namespace) -> None:
    """A line for each image: its file, then classes with their probabilities, the likeliest first."""
    paths = _images(given.images)
    classifier = load(given.network, given.weights)
    names = classifier.class_names or tuple(map(str, range(classifier.network.classes)))
    bad = 0
    for path in paths:
        try:
            image = classifier.read([path])
        except InputError:
            raise
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            print(f"{printable(path)}: cannot be read ({printable(error)})", file=sys.stderr)
            bad += 1
            continue
        with torch.inference_mode():
            likeliest = classifier(image)[0].softmax(0).topk(min(given.top, len(names)))
        pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        print(f"{printable(path)}: {', '.join(f'{printable(names[index])} {share:.3f}' for index, share in pairs)}")
    if bad:
        raise InputError(f"{bad} of {len(paths)} images cannot be read")


def _images(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{printable(path)}: no such file or folder")
    found = sorted(each for each in path.rglob("*") if each.suffix.lower() in ENDINGS and each.is_file())
    if not found:
        raise InputError(f"{printable(path)}: no images in it; expected files that end in {', '.join(sorted(ENDINGS))}")
    return found
