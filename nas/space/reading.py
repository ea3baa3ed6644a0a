"""Reads YAML as data alone: bounded, without tags, and with nothing in it that could run or reach outside."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from nas.errors import InputError

Document = Any
"""Nested dicts with string keys, lists, strings, numbers, booleans and None."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 100_000

_BaseLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]
    """YAML 1.1's safe loader with `1e-3` a number, dates left as strings, and repeated keys refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and form that PyYAML reads
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(None, None, "a key is a string", key_node.start_mark)
            key = key_node.value
            if key in seen:
                raise yaml.MarkedYAMLError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


FLOAT = (
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+|\.\d+([eE][-+]?\d+)?|\.(inf|Inf|nan|NaN))$"
    ),
    list("-+0123456789."),
)
"""What is a real number here, as PyYAML's `add_implicit_resolver` takes it; whoever writes documents needs it too."""

_Loader.add_implicit_resolver(*FLOAT)


def read_document(path: Path) -> Document:
    """The mapping in the YAML file at `path`.

    Raises:
        InputError: no such file, not UTF-8 YAML, over the bounds, or with something that is more than data.
    """
    return parse_document(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a document's file. Raises `InputError` if it is missing, too large or no text."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_BYTES} bytes; that is no document")
        return content.decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None


def parse_document(text: str, place: str, check: bool = True) -> Document:
    """The mapping that `text` holds; `place` names it in errors. Raises like `read_document`.

    Without `check` it may hold keys and strings that `check_data` refuses; the caller checks what it uses.
    """
    try:
        _bound(text, place)
        document = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise InputError(f"{place}: not valid YAML: {' '.join(str(error).split())}") from None
    except InputError:
        raise
    except ValueError as error:  # a NUL byte, a number of absurd length
        raise InputError(f"{place}: not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{place}: expected a mapping with keys, got {_kind(document)}")
    if check:
        check_data(document, place)
    return document


def _bound(text: str, place: str) -> None:
    """Refuses tags, absurd depth and size, with every alias counted at the size of what it repeats."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, _Loader):
        match event:
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in sizes:
                    raise InputError(f"{place}: the alias *{anchor} stands inside what it repeats, or has no anchor")
                total += sizes[anchor]
            case yaml.ScalarEvent(anchor=anchor, tag=tag):
                _refuse_tag(tag, place)
                total += 1
                if anchor:
                    sizes[anchor] = 1
            case yaml.CollectionStartEvent(anchor=anchor, tag=tag):
                _refuse_tag(tag, place)
                total += 1
                open_nodes.append((anchor, total))
                if len(open_nodes) > MAX_DEPTH:
                    raise InputError(f"{place}: nested more than {MAX_DEPTH} deep")
            case yaml.CollectionEndEvent():
                anchor, before = open_nodes.pop()
                if anchor:
                    sizes[anchor] = total - before + 1
        if total > MAX_NODES:
            raise InputError(f"{place}: more than {MAX_NODES} values (aliases counted in full)")


def _refuse_tag(tag: str | None, place: str) -> None:
    if tag is not None:
        raise InputError(f"{place}: the tag {tag!r}; documents are plain data without tags")


def check_data(document: Document, place: str, depth: int = 0) -> None:
    """Refuses what is more than data: `_target_`-like keys, `${...}`, keys that are no strings, other types."""
    if depth > MAX_DEPTH:
        raise InputError(f"{place}: nested more than {MAX_DEPTH} deep")
    match document:
        case dict():
            for key, value in document.items():
                if not isinstance(key, str):
                    raise InputError(f"{place}: the key {key!r:.40} is no string; quote it")
                if key.startswith("_") or "${" in key:
                    raise InputError(f"{place}: the key {key!r}; documents are data and hold no such key")
                check_data(value, f"{place}.{key}", depth + 1)
        case list():
            for index, value in enumerate(document):
                check_data(value, f"{place}.{index}", depth + 1)
        case str() if "${" in document:
            raise InputError(f"{place}: {document!r}; documents resolve nothing but references, written {{ref: path}}")
        case str() | bool() | int() | float() | None:
            pass
        case _:
            raise InputError(f"{place}: {_kind(document)} is not data a document can hold")


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case _:
            return f"a {type(value).__name__} ({value!r:.40})"
