"""`python -m nas predict`: the classes of image files, by a network that was found or exported."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nas.errors import InputError


def arguments(parser: ArgumentParser) -> None:
    said = "an export, a study, the folder of a training, or a candidate's file"
    parser.add_argument("network", metavar="BEST", help=said)
    parser.add_argument("images", type=Path, metavar="FOLDER_OR_IMAGE", help="an image file, or a folder with some")
    parser.add_argument("--top", type=int, default=1, metavar="N", help="so many classes of each image; default: 1")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights, in place of those that were kept")


def run(given: Namespace) -> None:
    """A line for each image: its file, then classes with their probabilities, the likeliest first."""
    if given.top < 1:
        raise InputError(f"--top: expected at least 1; got {given.top}")
    paths = _images(given.images)
    import torch  # takes seconds; errors come before it

    from nas.export.loading import load

    classifier = load(given.network, given.weights)
    names = classifier.class_names or tuple(map(str, range(classifier.network.classes)))
    bad = 0
    for path in paths:
        try:
            image = classifier.read([path])
        except InputError:
            raise
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            print(f"{_line(path)}: cannot be read ({_line(error)})", file=sys.stderr)
            bad += 1
            continue
        with torch.inference_mode():
            likeliest = classifier(image)[0].softmax(0).topk(min(given.top, len(names)))
        pairs = zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True)
        print(f"{_line(path)}: {', '.join(f'{_line(names[index])} {share:.3f}' for index, share in pairs)}")
    if bad:
        raise InputError(f"{bad} of {len(paths)} images cannot be read")


def _images(path: Path) -> list[Path]:
    from nas.data.listing import ENDINGS

    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{_line(path)}: no such file or folder")
    found = sorted(each for each in path.rglob("*") if each.suffix.lower() in ENDINGS and each.is_file())
    if not found:
        raise InputError(f"{_line(path)}: no images in it; expected files that end in {', '.join(sorted(ENDINGS))}")
    return found


def _line(text: object) -> str:
    """On one line, whatever is in it."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
