"""The normal form of a plan, and its digest: equal for networks that differ only in how they are written.

Names, cells and chains are dropped, forms are expanded, identities left out, nested concatenations flattened.
Branches are sorted wherever the order of their channels makes no difference to what can be computed: that is, if
whatever reads those channels mixes them all, with weights that can be permuted along.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from nas.architecture.fields import plain
from nas.architecture.ops import KINDS, Aux, Branches, Cell, Chain, Dropout, Identity, Op, Residual
from nas.architecture.plan import Node

Form = dict[str, Any]


def digest(root: Node) -> str:
    """16 hex digits of the SHA-256 of the normal form, input shape included."""
    form = {"input": list(root.input), "network": normal_form(root)}
    return hashlib.sha256(_written(form).encode()).hexdigest()[:16]


def normal_form(root: Node) -> list[Form]:
    """The normal form of a network's plan, as nested lists and dicts of plain data."""
    return _steps(_with_aux_at_tap(root.children), False)[0]


def _written(form: object) -> str:
    return json.dumps(form, sort_keys=True, separators=(",", ":"))


def _with_aux_at_tap(nodes: Sequence[Node]) -> list[Node]:
    """The nodes of the network's own chain, each aux head moved to right behind the op it reads."""
    placed: list[Node] = []
    for node in nodes:
        if isinstance(node.op, Aux) and node.op.of:
            tap = next(index for index, other in enumerate(placed) if other.op.name == node.op.of)
            while tap + 1 < len(placed) and isinstance(placed[tap + 1].op, Aux):
                tap += 1
            placed.insert(tap + 1, node)
        else:
            placed.append(node)
    return placed


def _steps(nodes: Sequence[Node], free: bool) -> tuple[list[Form], bool]:
    """The forms of ops in a row. `free`: the order of the channels that leave them makes no difference.

    Gives back whether the order of the channels that enter makes none.
    """
    forms: list[Form] = []
    for node in reversed(nodes):
        before, free = _node(node, free)
        forms = before + forms
    return forms, free


def _node(node: Node, free: bool) -> tuple[list[Form], bool]:
    match node.op:
        case Identity():
            return [], free
        case Dropout(rate=0.0):
            return [], free
        case Chain():
            return _steps(node.children, free)
        case Cell():
            return _steps([step for copy in node.children for step in copy.children], free)
        case Branches():
            return _branches(node, free)
        case Residual():
            return _residual(node, free)
        case Aux():
            head, absorbs = _steps(node.children[0].children, False)
            return [{"op": "aux", "weight": node.op.weight, "chain": head}], free and absorbs
        case op:
            order = op.channel_order(node.input)
            return [_leaf(op)], order == "mixes" or (order == "keeps" and free)


def _leaf(op: Op) -> Form:
    """What differs from the language's defaults, so that a field added later changes no digest."""
    given = {f.name: getattr(op, f.name) for f in fields(op) if f.name != "name"}
    changed = {key: plain(value) for key, value in given.items() if value != _default(op, key)}
    return {"op": KINDS[type(op)], **changed}


def _default(op: Op, key: str) -> object:
    return next(f.default for f in fields(op) if f.name == key)


def _branches(node: Node, free: bool) -> tuple[list[Form], bool]:
    parts: list[list[Form]] = []
    absorbs = True
    for branch in node.children:
        forms, branch_absorbs = _steps(branch.children, free)
        absorbs = absorbs and branch_absorbs
        match forms:
            case [{"op": "branches", "branches": inner}]:
                parts.extend(inner)
            case _:
                parts.append(forms)
    if len(parts) == 1:
        return parts[0], absorbs
    return [{"op": "branches", "branches": sorted(parts, key=_written) if free else parts}], absorbs


def _residual(node: Node, free: bool) -> tuple[list[Form], bool]:
    """Body and shortcut must leave their channels in one order, so neither is free at its end."""
    op = node.op
    assert isinstance(op, Residual)
    body_node, *others = node.children
    shortcut_nodes = others[1 if op.projection else 0 :]
    body_nodes = [*body_node.children, *others[: 1 if op.projection else 0]]
    body, body_absorbs = _steps(body_nodes, False)
    form: Form = {"op": "residual", "body": body, "scale": op.scale, "activation": op.activation}
    shortcut, shortcut_absorbs = _steps(shortcut_nodes, False)
    if shortcut:
        form["shortcut"] = shortcut
        return [form], body_absorbs and shortcut_absorbs
    # The shortcut hands its order on: the body must be able to follow any order, in and out.
    return [form], free and body_absorbs and _any_order(body_nodes)


def _any_order(nodes: Sequence[Node]) -> bool:
    """Whether the channels that leave can be put into any order by permuting weights."""
    for node in reversed(nodes):
        match node.op:
            case Chain():
                if node.children:
                    return _any_order(node.children)
            case Identity() | Dropout():
                pass
            case op:
                order = op.channel_order(node.input)
                if order != "keeps":
                    return order == "mixes"
    return False
