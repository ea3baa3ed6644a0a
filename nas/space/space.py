"""A search space: the document with its holes found, named and ready to be filled."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from nas.errors import InputError, unknown
from nas.space.conditions import (
    Context,
    OnContext,
    OnParameter,
    Test,
    Uses,
    check_answerable,
    is_conditional,
    is_open,
    read_conditional,
)
from nas.space.filling import Filling
from nas.space.holes import Alternatives, Hole, Suggest, is_hole, read_hole
from nas.space.paths import find, item_path, join
from nas.space.reading import check_data

SECTIONS = {"architecture": "", "training": "training"}
"""Where holes may stand, and what their names begin with; in the order in which they are asked for."""

Told = dict[str, Uses | None]
"""What a context has said in a document, by cell; None where its ops do not fit one another."""


@dataclass(frozen=True, eq=False)
class Space:
    """A document whose holes all have a name; `holes` maps each name to its hole, the architecture's first.

    A hole inside an alternative exists only where that alternative is chosen, one under a condition only where the
    condition lets it, and the holes of a cell only where the cell is used (a mapping `cells` holds definitions; whoever
    has the field `cell` uses the one it names). The sections stand in the order of `SECTIONS`, in which they are
    filled: the recipe may depend on the architecture.
    """

    document: Mapping[str, Any]
    holes: Mapping[str, Hole] = field(repr=False)
    tests: Mapping[str, Sequence[OnParameter]] = field(repr=False)
    """What conditions ask of holes, by the names of these."""
    contexts: Sequence[tuple[str, OnContext]] = field(repr=False)
    """What conditions ask of a context, each with the path of the value under it."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], place: str = "space") -> "Space":
        """Raises `InputError` where a hole is malformed, unnamed, shares its name, or stands where none may.

        The same goes for conditions, which must ask for a hole that there is.
        """
        if not isinstance(document, Mapping):
            raise InputError(f"{place}: expected a mapping with {' and '.join(SECTIONS)}; got {document!r:.60}")
        check_data(document, place)
        holes: dict[str, Hole] = {}
        asked: list[tuple[str, OnParameter]] = []
        contexts: list[tuple[str, OnContext]] = []
        order = [*SECTIONS, *(section for section in document if section not in SECTIONS)]
        document = {section: document[section] for section in order if section in document}
        for section, value in document.items():
            prefix = SECTIONS.get(section, section)
            for path, found in _open(value, prefix, f"{place}.{section}"):
                if section not in SECTIONS:
                    raise InputError(f"{place}.{path}: holes stand under {' and '.join(SECTIONS)} alone")
                if path == prefix:
                    raise InputError(f"{place}.{section}: a hole cannot stand for the whole section")
                match found:
                    case OnParameter():
                        asked.append((path, found))
                    case OnContext():
                        contexts.append((path, found))
                    case hole if path not in holes:
                        holes[path] = hole
                    case _:
                        raise InputError(f"{place}: two holes are called {path!r}; give their ops different names")
        tests: dict[str, list[OnParameter]] = {}
        for path, test in asked:
            if test.name in holes:
                check_answerable(test, holes[test.name], f"{place}.{path}")
            elif not _is_closed(test.name, document):
                raise unknown(f"{place}.{path}.if.parameter", "hole called", test.name, holes)
            tests.setdefault(test.name, []).append(test)
        return cls(document, holes, tests, contexts)

    def sample(self, suggest: Suggest, context: Context | None = None) -> dict[str, Any]:
        """A document without holes, conditions or references.

        `suggest` is asked for the holes that exist in it, in order; `context` is what conditions on a context ask.

        Raises:
            InputError: there is a condition on a context and none is given, or a hole is asked for after a condition
                that depends on it; and whatever `suggest` and `context` raise.
        """
        if context is None and self.contexts:
            path, test = self.contexts[0]
            raise InputError(f"{path}: depends on the {test.asks} that comes in; sample with a context")
        filling = Filling(self.holes, self.tests, suggest, context, self.document.get("architecture"))
        return {
            section: filling.filled(value, SECTIONS[section]) if section in SECTIONS else deepcopy(value)
            for section, value in self.document.items()
        }

    def attempt(self, suggest: Suggest, context: Context | None) -> tuple[dict[str, Any] | None, Told]:
        """A sample, or None if the context has no answer; and what the context has said."""
        told: Told = {}

        def asked(cell: str, architecture: Mapping[str, Any]) -> Uses:
            assert context is not None
            told[cell] = None
            try:
                told[cell] = answer = context(cell, architecture)
            except InputError as error:
                raise _Unfit from error
            return answer

        try:
            return self.sample(suggest, context and asked), told
        except _Unfit:
            return None, told


class _Unfit(Exception):
    """A context has no answer."""


def _is_closed(name: str, document: Mapping[str, Any]) -> bool:
    """Whether a scalar stands where the hole `name` may have stood before it was closed."""
    prefixed = SECTIONS.get(name.partition(".")[0])
    try:
        value = find(document if prefixed else document.get("architecture"), name)
    except InputError:
        return False
    return not isinstance(value, dict | list)


def _open(node: Any, path: str, place: str) -> Iterator[tuple[str, Hole | Test]]:
    """Every hole, and what every condition asks, with its path."""
    match node:
        case dict() if is_conditional(node):
            conditional = read_conditional(node, place)
            yield path, conditional.test
            yield from _open(conditional.then, path, f"{place}.then")
            yield from _open(conditional.otherwise, join(path, "else"), f"{place}.else")
        case dict() if is_hole(node):
            hole = read_hole(node, place)
            yield path, hole
            if isinstance(hole, Alternatives):
                for name, alternative in hole.options.items():
                    _check_word(name, place)
                    yield from _open(alternative, join(path, name), f"{place}.{name}")
        case dict():
            for key, value in node.items():
                for found in _open(value, join(path, key), f"{place}.{key}"):
                    _check_word(key, place)
                    yield found
        case list():
            for index, item in enumerate(node):
                _check_item(item, f"{place}.{index}")
                yield from _open(item, item_path(path, item), f"{place}.{index}")


def _check_item(item: Any, place: str) -> None:
    if is_open(item):
        raise InputError(f"{place}: a hole in a list has no name; write {{op: chain, name: ..., chain: <the hole>}}")
    if isinstance(item, dict):
        if "name" in item and isinstance(item["name"], str):
            _check_word(item["name"], place)
        elif _holds_hole(item):
            raise InputError(f"{place}: an op that holds a hole needs a name, which its parameters begin with")


def _holds_hole(node: Any) -> bool:
    """Whether a hole is among the values of an op, also within `values` and the like; its chains are lists."""
    return is_hole(node) or (isinstance(node, dict) and any(_holds_hole(value) for value in node.values()))


def _check_word(word: str, place: str) -> None:
    if not word or "." in word:
        raise InputError(f"{place}: {word!r} is no name; names are words without dots")
