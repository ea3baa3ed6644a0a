"""What every op must keep to: what it says of shapes, costs, channels and identity, held against its built module."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import yaml
from built import assert_built_as_planned, kept_bytes, randomized
from documents import document
from exported import assert_python_is_the_same
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.architecture.ops import OPS
from nas.architecture.plan import Node
from nas.architecture.sketch import sketch
from nas.cost import cost
from nas.drawing import draw, table
from nas.errors import InputError
from nas.network import build_network
from nas.space.reading import parse_document

CHANNELS = 6
SIZES = ([8, 8], [9, 5], [16, 7])
"""Heights and widths, even, odd and oblong."""


@dataclass(frozen=True)
class Case:
    """Documents of one op: the first as plain as can be, each of `others` another network than the first."""

    kind: str
    first: dict[str, Any]
    others: Sequence[dict[str, Any]] = ()
    vector: bool = False
    """It takes a vector and no map."""
    does_nothing: bool = False
    """Without it, it is the same network."""
    flat: bool = False
    """A map becomes a vector."""

    def op(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"op": self.kind, **fields}

    @property
    def all(self) -> list[dict[str, Any]]:
        return [self.op(fields) for fields in (self.first, *self.others)]

    def architecture(self, *ops: dict[str, Any], size: Sequence[int] = SIZES[0]) -> Architecture:
        """A network of these ops, with what has to stand before and behind them."""
        before = [{"op": "global_pool"}] if self.vector else []
        behind = [] if self.vector or self.flat else [{"op": "global_pool"}]
        head = [*behind, {"op": "linear", "width": "classes"}]
        return Architecture.from_document(document(*before, *ops, *head, channels=CHANNELS, size=size))


def node_of(architecture: Architecture, case: Case) -> Node:
    return architecture.plan.children[1 if case.vector else 0]


def module_of(architecture: Architecture, case: Case) -> tuple[Node, nn.Module]:
    torch.manual_seed(0)
    network = build_network(architecture)
    node = node_of(architecture, case)
    return node, network.get_submodule(node.path)


def assert_is_built_as_planned(case: Case) -> None:
    """Shapes, parameters and multiply-adds, for grids of several sizes."""
    for op in case.all:
        for size in SIZES:
            assert_built_as_planned(case.architecture(op, size=size))


def assert_training_keeps_no_more_than_it_says(case: Case) -> None:
    for op in case.all:
        for size in SIZES:
            architecture = case.architecture(op, size=size)
            assert kept_bytes(architecture) <= cost(architecture).activations


def assert_gradients_flow(case: Case) -> None:
    """To what comes in and to every parameter, finite, and not to all of it zero."""
    for op in case.all:
        node, module = module_of(case.architecture(op), case)
        x = torch.randn(4, *node.input, requires_grad=True)
        y: Tensor = module.train()(x)
        assert tuple(y.shape[1:]) == node.output
        (y * torch.randn_like(y)).sum().backward()
        for gradient in [x.grad, *(parameter.grad for parameter in module.parameters())]:
            assert gradient is not None
            assert gradient.isfinite().all()
        assert x.grad is not None
        assert x.grad.any()


def assert_inference_repeats_itself_and_takes_images_one_by_one(case: Case) -> None:
    for op in case.all:
        node, module = module_of(case.architecture(op), case)
        x = torch.randn(3, *node.input)
        with torch.no_grad():
            whole = module.eval()(x)
            torch.testing.assert_close(module(x), whole, rtol=0, atol=0)
            torch.testing.assert_close(torch.cat([module(x[i : i + 1]) for i in range(3)]), whole)


def assert_channels_are_ordered_as_it_says(case: Case) -> None:
    """The weights of an op that `keeps` or `mixes` can be put into the order of what comes in."""
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    for op in case.all:
        node, module = module_of(case.architecture(op), case)
        said = _said_order(node)
        assert said in ("keeps", "mixes", "fixed")
        if said == "fixed" or (said == "keeps" and node.output[0] != CHANNELS):
            continue  # of a flattened map whole channels are mixed, so that their order inside makes no difference
        assert said == "keeps" or node.output[0] != CHANNELS, "give it another width, so that axes can be told apart"
        randomized(module)
        x = torch.randn(2, *node.input)
        with torch.no_grad():
            before = module.eval()(x)
            for parameter in (*module.parameters(), *module.buffers()):
                for axis, size in enumerate(parameter.shape):
                    if size == CHANNELS:
                        parameter.copy_(parameter.index_select(axis, order))
            after = module(x[:, order])
        torch.testing.assert_close(after, before[:, order] if said == "keeps" else before)


def _said_order(node: Node) -> str:
    """Of one op, or of the ops one after the other that it stands for."""
    if not node.children:
        return node.op.channel_order(node.input)
    said = [_said_order(child) for child in node.children]
    return next((order for order in said if order != "keeps"), "keeps")


def assert_its_digest_is_its_own(case: Case) -> None:
    """The same under any name and in any spelling; another for every other op, and for none."""
    plain = case.architecture(case.op(case.first))
    assert case.architecture({**case.op(case.first), "name": "other"}).digest == plain.digest
    assert case.architecture({"op": "chain", "chain": [case.op(case.first)]}).digest == plain.digest
    digests = [case.architecture(op).digest for op in case.all]
    assert len(set(digests)) == len(digests)
    if not case.flat:
        assert (case.architecture().digest == plain.digest) == case.does_nothing


def assert_its_documents_come_back(case: Case) -> None:
    for op in case.all:
        built = case.architecture(op)
        text = yaml.safe_dump(built.to_document(), sort_keys=False)
        again = Architecture.from_document(parse_document(text, "written"))
        assert again == built
        assert again.digest == built.digest
        assert again.to_document() == built.to_document()


def assert_it_is_drawn(case: Case) -> None:
    for op in case.all:
        built = case.architecture(op)
        assert draw(built, title=case.kind).startswith("<svg")
        assert table(built.plan)
        assert case.does_nothing or sketch(node_of(built, case))


def assert_it_refuses_what_it_does_not_know(case: Case) -> None:
    assert case.kind in OPS
    for op, told in (
        ({**case.op(case.first), "no_such_field": 1}, "no_such_field"),
        ({**case.op(case.first), "name": "a.b"}, "'a.b' is no name"),
    ):
        with pytest.raises(InputError, match=re.escape(told)):
            case.architecture(op)


def assert_it_is_the_same_in_python(case: Case) -> None:
    for op in case.all:
        for size in SIZES:
            architecture = case.architecture(op, size=size)
            assert_python_is_the_same(architecture, architecture.plan)


CHECKS = (
    assert_is_built_as_planned,
    assert_training_keeps_no_more_than_it_says,
    assert_gradients_flow,
    assert_inference_repeats_itself_and_takes_images_one_by_one,
    assert_channels_are_ordered_as_it_says,
    assert_its_digest_is_its_own,
    assert_its_documents_come_back,
    assert_it_is_drawn,
    assert_it_is_the_same_in_python,
    assert_it_refuses_what_it_does_not_know,
)
