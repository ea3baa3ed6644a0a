"""What README and docs show: fenced blocks, and the commands in them and in sentences."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_SENTENCES = re.compile(r"(?<!`)`(python (?:train\.py|-m nas|benchmarks/)[^`]*)`")


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


def blocks(*kinds: str) -> list[Block]:
    """In the order of the pages; of these kinds, or all."""
    found = [
        Block(name_of(page), kind, text)
        for page in PAGES
        for kind, text in FENCED.findall(page.read_text(encoding="utf-8"))
    ]
    return [block for block in found if not kinds or block.kind in kinds]


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


def commands_in_sentences() -> Iterator[Command]:
    """Such as `python benchmarks/family.py [--n 20]`: brackets are around what may be left out."""
    for page in PAGES:
        for code in IN_SENTENCES.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
            yield Command(name_of(page), tuple(shlex.split(re.sub(r"\[(--[^]]*)\]", r"\1", code))))
