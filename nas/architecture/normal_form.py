"""The normal form of a plan, and its digest: equal for networks that differ only in how they are written.

Names, cells and chains are dropped, forms are expanded, identities left out, nested concatenations flattened.
Branches are sorted wherever the order of their channels makes no difference to what can be computed: that is, if
whatever reads those channels mixes them all, with weights that can be permuted along.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from nas.architecture.fields import plain
from nas.architecture.graph_form import Term, graph_form, written
from nas.architecture.ops import KINDS, Aux, Branches, Cell, Chain, Dropout, Graph, Identity, Op, Residual
from nas.architecture.plan import Node

Form = dict[str, Any]


def digest(root: Node) -> str:
    """16 hex digits of the SHA-256 of the normal form, input shape included."""
    form = {"input": list(root.input), "network": normal_form(root)}
    return hashlib.sha256(written(form).encode()).hexdigest()[:16]


def normal_form(root: Node) -> list[Form]:
    """The normal form of a network's plan, as nested lists and dicts of plain data."""
    forms, _ = _steps(_with_aux_at_tap(root.children), False)
    return [form for run in _runs(forms) for form in run]


def _runs(forms: list[Form]) -> Iterator[list[Form]]:
    """The ops between taps, and the heads at each tap, which have no order among themselves."""
    for are_heads, group in groupby(forms, lambda form: form["op"] == KINDS[Aux]):
        run = list(group)
        yield sorted(run, key=written) if are_heads else run


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
    for node in reversed(list(_flat(nodes))):
        form, free = _node(node, free)
        forms.append(form)
    return forms[::-1], free


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """The ops in a row that do something: chains, cells and lone branches dissolved, identities left out."""
    for node in nodes:
        match node.op:
            case Identity() | Dropout(rate=0.0):
                pass
            case Chain():
                yield from _flat(node.children)
            case Cell():
                for copy in node.children:
                    yield from _flat(copy.children)
            case Branches() if len(node.children) == 1:
                yield from _flat(node.children[0].children)
            case _:
                yield node


def _node(node: Node, free: bool) -> tuple[Form, bool]:
    match node.op:
        case Branches():
            return _branches(node, free)
        case Residual():
            return _residual(node, free)
        case Graph():
            return _graph(node, node.op)
        case Aux():
            head, absorbs = _steps(node.children[0].children, False)
            return {"op": "aux", "weight": node.op.weight, "chain": head}, free and absorbs
        case op:
            order = op.channel_order(node.input)
            return _leaf(op), order == "mixes" or (order == "keeps" and free)


def _leaf(op: Op) -> Form:
    """What differs from the language's defaults, so that a field added later changes no digest."""
    values = ((f, getattr(op, f.name)) for f in fields(op) if f.name != "name")
    return {"op": KINDS[type(op)], **{f.name: plain(value) for f, value in values if value != f.default}}


def _branches(node: Node, free: bool) -> tuple[Form, bool]:
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
    return {"op": "branches", "branches": sorted(parts, key=written) if free else parts}, absorbs


def _residual(node: Node, free: bool) -> tuple[Form, bool]:
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
        return form, body_absorbs and shortcut_absorbs
    # The shortcut hands its order on: the body must be able to follow any order, in and out.
    return form, free and body_absorbs and _any_order(body_nodes)


def _graph(node: Node, op: Graph) -> tuple[Form, bool]:
    """All that is added up must have its channels in one order, so no chain is free at its end."""
    chains = iter(node.children)
    nodes: list[tuple[str, list[Term]]] = []
    absorbs = True
    for name, sources in op.nodes:
        terms = []
        for source, _ in sources:
            chain = next(chains)
            forms, chain_absorbs = _steps(chain.children, False)
            absorbs = absorbs and (chain_absorbs or source != "in")
            terms.append(Term.of(source, forms, chain))
        nodes.append((name, terms))
    return graph_form(nodes), absorbs


def _any_order(nodes: Sequence[Node]) -> bool:
    """Whether the channels that leave can be put into any order by permuting weights."""
    for node in reversed(list(_flat(nodes))):
        order = node.op.channel_order(node.input)
        if order != "keeps":
            return order == "mixes"
    return False
