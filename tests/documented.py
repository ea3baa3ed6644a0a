"""The files that docs/extending.md shows, written out and, while a test runs, registered."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nas.architecture import own_ops
from nas.architecture.ops import KINDS, OPS
from nas.network.layers import LAYERS

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"


def files() -> dict[str, str]:
    """What the page's blocks that begin with a file's name hold; blocks of one file follow one another."""
    found: dict[str, str] = {}
    for name, text in re.findall(
        r"```\w+\n# (\w+\.(?:py|yaml))\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    ):
        found[name] = found.get(name, "") + ("\n\n" if name in found else "") + text
    return found


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return "".join(blocks).replace("\\\n", "").splitlines()


def written(folder: Path) -> Path:
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@contextmanager
def registered(folder: Path) -> Iterator[None]:
    """The page's ops are part of the language as long as this lasts."""
    registries = (OPS, KINDS, LAYERS, own_ops.LAYERS_OF)
    before = [dict(registry) for registry in registries]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(written(folder))
        patch.setattr(sys, "path", list(sys.path))
        try:
            own_ops.import_own(["my_ops"])
            yield
        finally:
            for registry, kept in zip(registries, before, strict=True):
                registry.clear()  # type: ignore[attr-defined]
                registry.update(kept)  # type: ignore[attr-defined]
            for name in files():
                sys.modules.pop(Path(name).stem, None)
