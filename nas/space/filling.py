"""Fills the holes of a document: what is chosen, what follows from it, and which cells are in use."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.errors import InputError
from nas.space.conditions import Conditional, Context, OnParameter, Uses, is_conditional, is_open, read_conditional
from nas.space.holes import Alternatives, Hole, Parameters, Scalar, Suggest, is_hole
from nas.space.paths import item_path, join
from nas.space.references import is_reference, resolve_references
from nas.space.suggest import first


@dataclass
class Filling:
    """One pass over the document that has the `holes`, section by section.

    Conditions ask for the names in `watched`; `architecture` is that section as far as it has been filled.
    """

    holes: Mapping[str, Hole]
    watched: Container[str]
    suggest: Suggest
    context: Context | None
    architecture: Any = None
    values: Parameters = field(default_factory=dict)
    """What the watched holes have been filled with."""
    missed: dict[str, str] = field(default_factory=dict)
    """Watched holes that a condition has found without a value, each with that condition's path."""
    cell: str = ""
    """The path of the cell that is being filled."""
    uses: dict[str, Uses] = field(default_factory=dict)
    """What `context` has said of each cell."""

    def filled(self, section: Any, prefix: str) -> Any:
        """A section, filled, with its references resolved; the names of its holes begin with `prefix`."""
        filled = self.fill(section, prefix)
        # a reference is written as parameters are called: with the prefix
        return resolve_references({prefix: filled})[prefix] if prefix else resolve_references(filled)

    def fill(self, node: Any, path: str) -> Any:
        match node:
            case dict() if is_conditional(node):
                conditional = read_conditional(node, path)
                if self._holds(conditional, path):
                    return self.fill(conditional.then, path)
                return self.fill(conditional.otherwise, join(path, "else"))
            case dict() if is_hole(node):
                hole = self.holes[path]
                value = self.suggest(path, hole)
                self._remember(path, value)
                if isinstance(hole, Alternatives):
                    return self.fill(hole.options[str(value)], join(path, str(value)))
                return value
            case {"cells": dict() as cells} if not is_open(cells):
                rest = {key: value for key, value in node.items() if key != "cells"}
                filled = {key: self.fill(value, join(path, key)) for key, value in rest.items()}
                filled["cells"] = self._fill_used(cells, filled, join(path, "cells"))
                return {key: filled[key] for key in node}
            case dict():
                return {key: self.fill(value, join(path, key)) for key, value in node.items()}
            case list():
                return [self.fill(item, item_path(path, item)) for item in node]
            case _:
                self._remember(path, node)
                return node

    def _fill_used(self, cells: Mapping[str, Any], users: Any, path: str) -> dict[str, Any]:
        """The cells that `users` name, directly or through one another, and those that are complete as they are."""
        filled: dict[str, Any] = {}
        waiting = list(used_cells(users))
        while waiting:
            name = waiting.pop(0)
            if name in cells and name not in filled:
                self.cell, self.architecture = join(path, name), {**users, "cells": {**cells, **filled}}
                filled[name] = self.fill(cells[name], self.cell)
                waiting.extend(used_cells(filled[name]))
        self.cell = ""
        for name, cell in cells.items():
            if name not in filled and is_complete(cell):
                filled[name] = cell
        return {name: filled[name] for name in cells if name in filled}

    def _remember(self, path: str, value: Scalar) -> None:
        if path not in self.watched or path in self.values:  # filled before, in the pass that this one continues
            return
        if path in self.missed:
            raise InputError(
                f"{self.missed[path]}: depends on {path}, which is asked for after it; "
                "a condition can ask for what stands before it (the network stands before its cells)"
            )
        self.values[path] = value

    def _holds(self, conditional: Conditional, path: str) -> bool:
        match conditional.test:
            case OnParameter(name=name) as test:
                if name not in self.values:
                    self.missed.setdefault(name, path)
                    return False
                return test.holds(self.values[name])
            case test:
                if path.startswith("cells.") and not self.cell:
                    raise InputError(f"{path}: depends on its cell's {test.asks}, but all cells together are a choice")
                return self.context is not None and test.holds(self._uses(self.context))

    def _uses(self, context: Context) -> Uses:
        """What `context` says of the present cell, with it and all that comes after it at its first options."""
        if self.cell not in self.uses:
            before = {name: value for name, value in self.values.items() if not name.startswith(f"{self.cell}.")}
            rest = Filling(self.holes, self.watched, first, None, values=before)
            self.uses[self.cell] = context(self.cell, rest.filled(self.architecture, ""))
        return self.uses[self.cell]


def used_cells(node: Any, role: str = "") -> Iterator[str]:
    """Names of cells that ops name, are handed as a value (`cell: $inner`), or that a reference leads into."""
    match node:
        case str() if (name := named_cell(node, role)) is not None:
            yield name
        case dict():
            for key, value in node.items():
                yield from used_cells(value, role_below(role, key))
        case list():
            for item in node:
                yield from used_cells(item, role_below(role))


_ROLES = {"cell": "cell", "ref": "ref", **dict.fromkeys(("values", "each", "default_values"), "value")}


def role_below(role: str, key: str = "") -> str:
    """How strings name cells under a key, or in a list, of what has the given role: "" if they do not."""
    return _ROLES.get(key, "value" if role == "value" else "")


def named_cell(value: object, role: str) -> str | None:
    """The name of the cell that a value names, if it names one."""
    match role, value:
        case "ref", str() if value.startswith("cells."):
            return value.split(".")[1]
        case "cell" | "value", str():
            return value
        case _:
            return None


def is_complete(node: Any) -> bool:
    """Whether a document has neither holes nor references."""
    match node:
        case dict():
            return not is_open(node) and not is_reference(node) and all(map(is_complete, node.values()))
        case list():
            return all(map(is_complete, node))
        case _:
            return True
