"""The normal form of a graph: equal for graphs that are the same but for names, order, and what does nothing.

What is left of a graph are its steps, each a chain over a sum of other steps. Identities are dissolved, and so are sums
within sums; chains that lead nowhere, or keep the zero that they read, are dropped; equal chains without weights over
equal sums are one step.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from nas.architecture import ops
from nas.architecture.plan import Node

Form = dict[str, Any]
Sum = tuple[int, ...]
"""Steps that are added up, by number and in order, each as often as it counts."""

IN = -1
"""Stands for what comes in, among the numbers of steps."""


def form_text(form: object) -> str:
    return json.dumps(form, sort_keys=True, separators=(",", ":"))


Term = tuple[str, list[Form], Node]
"""A chain of a graph: what it reads, the forms of its ops, and its plan."""


def _is_sure(chain: Node) -> bool:
    """Whether it gives the same whenever it is given the same: it has no weights and draws nothing at random."""
    return not any(node.parameters or isinstance(node.op, ops.Dropout) for node in chain.walk())


def _keeps_zero(op: ops.Op) -> bool:
    match op:
        case (
            ops.Conv(bias=False, norm=None, activation=activation)
            | ops.Activation(activation=activation)
            | ops.Residual(activation=activation)
        ):
            return activation != "sigmoid"
        case ops.Chain() | ops.Cell() | ops.Branches() | ops.Graph() | ops.Identity() | ops.Dropout():
            return True
        case ops.Pool() | ops.GlobalPool() | ops.AdaptivePool():
            return True
        case _:
            return False


def graph_form(nodes: Sequence[tuple[str, Sequence[Term]]]) -> Form:
    """The form of a graph of these nodes: its steps in an order that does not depend on how it was written."""
    steps: list[tuple[str, Sum]] = []
    known: dict[tuple[str, Sum], int] = {}
    forms: list[list[Form]] = []
    sums: dict[str, Sum] = {"in": (IN,)}
    for name, terms in nodes:
        added: list[int] = []
        for source, chain_forms, chain in terms:
            read = sums[source]
            step = (form_text(chain_forms), read)
            if not chain_forms:
                added += read
            elif step in known and _is_sure(chain):
                added.append(known[step])
            elif read or not all(_keeps_zero(node.op) for node in chain.walk()):
                added.append(len(steps))
                known[step] = len(steps)
                steps.append(step)
                forms.append(chain_forms)
        sums[name] = tuple(sorted(added))
    out = sums[nodes[-1][0]]
    order = _ordered(steps, out)
    place = {IN: IN, **{step: index for index, step in enumerate(order)}}
    return {
        "op": "graph",
        "steps": [{"chain": forms[step], "of": sorted(place[of] for of in steps[step][1])} for step in order],
        "sum": sorted(place[step] for step in out),
    }


def _ordered(steps: Sequence[tuple[str, Sum]], out: Sum) -> list[int]:
    """The steps that `out` depends on, ordered by what they are and by what surrounds them.

    Steps that cannot be told apart are equal to the graph's own symmetry in all but contrived cases, where one graph
    written in two ways could get two forms; two graphs never get one.
    """
    live: set[int] = set()
    waiting = list(out)
    while waiting:
        step = waiting.pop()
        if step != IN and step not in live:
            live.add(step)
            waiting += steps[step][1]
    colours = _ranked({step: (steps[step][0], out.count(step)) for step in live})
    while True:
        refined = _refined(colours, steps)
        ties = Counter(refined.values())
        tied = [step for step in sorted(live) if ties[refined[step]] > 1]
        if not tied:
            return sorted(live, key=refined.__getitem__)
        first = min(tied, key=refined.__getitem__)
        colours = _ranked({step: (colour, step != first) for step, colour in refined.items()})


def _refined(colours: dict[int, int], steps: Sequence[tuple[str, Sum]]) -> dict[int, int]:
    """Steps told apart by their colours, by those of what they read and of what reads them, as far as that goes."""
    while True:
        reads = {step: sorted(colours.get(of, IN) for of in steps[step][1]) for step in colours}
        read_by: dict[int, list[int]] = {step: [] for step in colours}
        for step in colours:
            for of in steps[step][1]:
                if of != IN:
                    read_by[of].append(colours[step])
        finer = _ranked({step: (colours[step], reads[step], sorted(read_by[step])) for step in colours})
        if len(set(finer.values())) == len(set(colours.values())):
            return finer
        colours = finer


def _ranked(keys: dict[int, Any]) -> dict[int, int]:
    ranks = {form_text(key): rank for rank, key in enumerate(sorted(keys.values()))}
    return {step: ranks[form_text(key)] for step, key in keys.items()}
