"""The normal form of a plan, and its digest: equal for networks that differ only in how they are written.

Names, cells and chains are dropped, forms are expanded, identities left out, nested concatenations flattened.
Branches are sorted wherever the order of their channels makes no difference to what can be computed: that is, if
whatever reads those channels mixes them all, with weights that can be permuted along.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from itertools import groupby
from typing import Any

from nas.architecture.fields import plain
from nas.architecture.graph_form import Term, form_text, graph_form
from nas.architecture.ops import KINDS, Aux, Branches, Graph, Op, Residual
from nas.architecture.plan import Node, in_row

Form = dict[str, Any]


def digest(root: Node) -> str:
    """16 hex digits of the SHA-256 of the normal form, input shape included."""
    form = {"input": list(root.input), "network": normal_form(root)}
    return hashlib.sha256(form_text(form).encode()).hexdigest()[:16]


def normal_form(root: Node) -> list[Form]:
    """The normal form of a network's plan, as nested lists and dicts of plain data."""
    forms, _ = _row(list(_heads_at_their_taps(root)), False)
    return [form for run in _runs(forms) for form in run]


def _heads_at_their_taps(root: Node) -> Iterator[Node]:
    """The ops of the network's own chain, with each aux head right behind the op that it reads."""
    heads = root.heads()
    for node in root.children:
        if not isinstance(node.op, Aux):
            yield node
            yield from heads.get(node.name, ())


def _runs(forms: list[Form]) -> Iterator[list[Form]]:
    """The ops between taps, and the heads at each tap, which have no order among themselves."""
    for are_heads, group in groupby(forms, lambda form: form["op"] == KINDS[Aux]):
        run = list(group)
        yield sorted(run, key=form_text) if are_heads else run


def _row(nodes: Sequence[Node], free: bool) -> tuple[list[Form], bool]:
    """The forms of ops in a row. `free`: the order of the channels that leave them makes no difference.

    Gives back whether the order of the channels that enter makes none.
    """
    forms: list[Form] = []
    for node in reversed(in_row(nodes, copies=True)):
        form, free = _node(node, free)
        forms.append(form)
    return forms[::-1], free


def _node(node: Node, free: bool) -> tuple[Form, bool]:
    match node.op:
        case Branches():
            return _branches(node, free)
        case Residual() as op:
            return _residual(node, op, free)
        case Graph():
            return _graph(node)
        case Aux(weight=weight):
            head, absorbs = _row(node.children, False)
            return {"op": "aux", "weight": weight, "chain": head}, free and absorbs
        case op:
            order = op.channel_order(node.input)
            return _leaf(op), order == "mixes" or (order == "keeps" and free)


def _leaf(op: Op) -> Form:
    """What differs from the language's defaults, so that a field added later changes no digest."""
    kind: type = type(op)
    values = ((name, getattr(op, name), default) for name, default in _defaults(kind))
    return {"op": KINDS[kind], **{name: plain(value) for name, value, default in values if value != default}}


@cache
def _defaults(kind: type) -> list[tuple[str, Any]]:
    return [(f.name, f.default) for f in fields(kind) if f.name != "name"]


def _branches(node: Node, free: bool) -> tuple[Form, bool]:
    parts: list[list[Form]] = []
    absorbs = True
    for branch in node.children:
        forms, branch_absorbs = _row([branch], free)
        absorbs = absorbs and branch_absorbs
        match forms:
            case [{"op": "branches", "branches": inner}]:
                parts.extend(inner)
            case _:
                parts.append(forms)
    return {"op": "branches", "branches": sorted(parts, key=form_text) if free else parts}, absorbs


def _residual(node: Node, op: Residual, free: bool) -> tuple[Form, bool]:
    """Body and shortcut must leave their channels in one order, so neither is free at its end."""
    sides = node.sides()
    (body, body_absorbs), (shortcut, shortcut_absorbs) = (_row(side, False) for side in sides)
    form: Form = {"op": "residual", "body": body, "scale": op.scale, "activation": op.activation}
    if shortcut:
        form["shortcut"] = shortcut
        return form, body_absorbs and shortcut_absorbs
    # The shortcut hands its order on: the body must be able to follow any order, in and out.
    return form, free and body_absorbs and _any_order(sides[0])


def _graph(node: Node) -> tuple[Form, bool]:
    """All that is added up must have its channels in one order, so no chain is free at its end."""
    nodes: list[tuple[str, list[Term]]] = []
    absorbs = True
    for name, chains in node.sums():
        terms = []
        for source, chain in chains:
            forms, chain_absorbs = _row([chain], False)
            absorbs = absorbs and (chain_absorbs or source != "in")
            terms.append((source, forms, chain))
        nodes.append((name, terms))
    return graph_form(nodes), absorbs


def _any_order(nodes: Sequence[Node]) -> bool:
    """Whether the channels that leave can be put into any order by permuting weights."""
    for node in reversed(in_row(nodes, copies=True)):
        order = node.op.channel_order(node.input)
        if order != "keeps":
            return order == "mixes"
    return False
