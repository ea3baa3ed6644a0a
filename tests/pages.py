"""What README and docs show: fenced blocks, and the commands in them and in sentences."""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.architecture import own_ops
from nas.architecture.ops import KINDS, OPS

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_SENTENCES = re.compile(r"(?<!`)`(python (?:train\.py|-m nas|benchmarks/)[^`]*)`")
FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")
"""How a block of docs/extending.md begins that is a file, or a part of one."""


@dataclass(frozen=True)
class Block:
    """A fenced block; `page` is the path of its page in the repository."""

    page: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.strip()[:50]}"


@dataclass(frozen=True)
class Command:
    """One command, in words as a shell would part them."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*kinds: str, page: str | None = None) -> list[Block]:
    """In the order of the pages; of these kinds, or all; of one page, or all."""
    found = [
        Block(name_of(path), kind, text)
        for path in PAGES
        for kind, text in FENCED.findall(path.read_text(encoding="utf-8"))
    ]
    return [each for each in found if (not kinds or each.kind in kinds) and page in (None, each.page)]


def commands(block: Block) -> Iterator[Command]:
    """Those of a block of shell."""
    for line in block.text.replace("\\\n", "").splitlines():
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                words.append(word.removeprefix(".venv/bin/"))
            elif words:
                yield Command(block.page, tuple(words))
                words = []


def commands_of(page: str) -> list[tuple[str, ...]]:
    """The words of all commands in blocks of a page."""
    return [command.words for block in blocks("sh", page=page) for command in commands(block)]


def commands_in_sentences() -> Iterator[Command]:
    """Such as `python benchmarks/family.py [--n 20]`: brackets are around what may be left out."""
    for page in PAGES:
        for code in IN_SENTENCES.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
            yield Command(name_of(page), tuple(shlex.split(re.sub(r"\[(--[^]]*)\]", r"\1", code))))


def written(folder: Path) -> Path:
    """The folder, with the files that docs/extending.md shows; blocks of one file follow one another."""
    found: dict[str, list[str]] = {}
    for block in blocks("python", "yaml", page="docs/extending.md"):
        if named := FILE.match(block.text):
            found.setdefault(named[1], []).append(block.text)
    for name, texts in found.items():
        (folder / name).write_text("\n\n".join(texts), encoding="utf-8")
    return folder


@contextmanager
def registered(folder: Path) -> Iterator[None]:
    """The ops of docs/extending.md are part of the language as long as this lasts."""
    from nas.network.layers import LAYERS  # here, as torch takes long to import

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
            for file in folder.glob("*.py"):
                sys.modules.pop(file.stem, None)
