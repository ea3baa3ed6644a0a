"""The files that make up a search space: checked before anything composes them, and put together afterwards.

A space is `search/NAME.yaml` under a root; its `defaults` list takes in parts from folders below `search/`, and a part
lands at the path that its folder names. Several parts may also stand in one file, by their names, which is called as
the folder would be. A file can be nothing but data and cannot reach outside these folders.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import InputError, need_one_of, unknown
from nas.space.conditions import is_open
from nas.space.reading import check_data, parse_document, read_text
from nas.space.space import SECTIONS

_PART = re.compile(r"\w[\w-]*(/\w[\w-]*)*", re.ASCII)
_HEADER = re.compile(r"\s*#\s*@")


@dataclass(frozen=True)
class SpaceFile:
    """A space or a part, checked; `relative` is the path below the root that a file of its own has."""

    relative: str
    content: Mapping[str, Any]


def space_names(roots: Sequence[Path]) -> list[str]:
    """The spaces that can be asked for by name."""
    return sorted({path.stem for root in roots for path in root.glob("*.yaml")})


def space_files(name: str, roots: Sequence[Path], chosen: Mapping[str, str]) -> list[SpaceFile]:
    """The files of the space `name`, itself first, each checked.

    `roots` are group folders, the first with a file wins; `chosen` maps a group (`architecture/cells/normal`) to the
    part the user asked for in place of the space's own.

    Raises:
        InputError: no such space or part, or a file that is not plain data within the space's own groups.
    """
    need_one_of("search", "search space", name, space_names(roots))
    for group, part in chosen.items():
        if not _PART.fullmatch(group) or not _PART.fullmatch(part):
            raise InputError(f"search/{group}={part}: parts lie in folders below the space's own, and words name them")
    main = _read(name, roots)
    files = [main]
    waiting = [*_parts(main, chosen), *chosen.items()]
    while waiting:
        group, part = waiting.pop()
        relative = f"{group}/{part}"
        if all(file.relative != f"{relative}.yaml" for file in files):
            files.append(_read(relative, roots))
            inside = _parts(files[-1], {})
            waiting.extend((f"{group}/{below}", part) for below, part in inside)
    return files


def _read(relative: str, roots: Sequence[Path]) -> SpaceFile:
    group, _, part = relative.rpartition("/")
    for root in roots:
        if (alone := root / f"{relative}.yaml").is_file():
            return SpaceFile(f"{relative}.yaml", _checked(_content(alone), str(alone)))
        if (together := root / f"{group}.yaml").is_file() and part in (parts := _content(together)):
            return SpaceFile(f"{relative}.yaml", _checked(parts[part], f"{together}: {part}"))
    raise unknown(f"search/{group}", "part", part, part_names(group, roots))


def part_names(group: str, roots: Sequence[Path]) -> list[str]:
    """The parts of a folder."""
    alone = [path.stem for root in roots for path in (root / group).glob("*.yaml")]
    together = [
        name for root in roots if (path := root / f"{group}.yaml").is_file() for name in map(str, _content(path))
    ]
    return sorted({*alone, *together})


def _content(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    if any(_HEADER.match(line) for line in text.splitlines()):  # lines as Hydra sees them, at U+2028 too
        raise InputError(f"{path}: a header '# @...'; a part lands where its folder says, nowhere else")
    content: Mapping[str, Any] = parse_document(text, str(path), check=False)
    return content


def _checked(content: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"{place}: a part is keys with values; got {content!r:.60}")
    check_data({key: value for key, value in content.items() if key != "defaults"}, place)
    return content


def _parts(file: SpaceFile, chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The groups and parts of a file's defaults list, without those the user replaced."""
    entries = file.content.get("defaults", [])
    if not isinstance(entries, list):
        raise InputError(f"{file.relative}: defaults is a list; got {entries!r:.60}")
    if entries and entries[-1] != "_self_" and len(file.content) > 1:
        raise InputError(f"{file.relative}: what a file sets itself goes over its parts; put _self_ last in defaults")
    for entry in entries:
        match entry:
            case "_self_":
                continue
            case dict() if len(entry) == 1:
                ((group, part),) = entry.items()
                right = isinstance(part, str) and isinstance(group, str)
                if right and _PART.fullmatch(group) and _PART.fullmatch(part):
                    if group not in chosen:
                        yield group, part
                    continue
        raise InputError(
            f"{file.relative}: {entry!r} in defaults; an entry is _self_ or `folder: part`, from the folders below "
            "the space's own"
        )


def put_together(space: Sequence[SpaceFile], composed: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a space: its composed parts, and what its own file sets laid over them.

    A hole is replaced whole; OmegaConf would merge two mappings.

    Raises:
        InputError: two of the parts fill one hole.
    """
    written = [hole for file in space[1:] for _, hole in _holes(file.content, "")]
    for place, hole in _holes(composed, "search"):
        if hole not in written:
            raise InputError(f"{place}: two parts of the space fill it, at least one with a hole; one of them can")
    own = {section: value for section, value in space[0].content.items() if section in SECTIONS}
    whole = _overlaid(composed, own)
    return {section: whole[section] for section in SECTIONS if section in whole}


def _overlaid(parts: Any, own: Any) -> Any:
    """`parts` with the values of `own` set over them; mappings without a hole on either side are merged."""
    if not isinstance(own, Mapping) or not isinstance(parts, Mapping) or is_open(own) or is_open(parts):
        return own
    return {**parts, **{key: _overlaid(parts[key], value) if key in parts else value for key, value in own.items()}}


def _holes(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every hole as it is written, with its place."""
    match node:
        case dict():
            if is_open(node):
                yield place, node
            for key, value in node.items():
                yield from _holes(value, f"{place}.{key}")
        case list():
            for index, item in enumerate(node):
                yield from _holes(item, f"{place}.{index}")
