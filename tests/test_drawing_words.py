"""What the boxes of a picture say."""

from typing import Any

import pytest
from documents import build, conv, document

from nas.architecture import Architecture
from nas.drawing.text import Text
from nas.drawing.words import Finish, Pen, usual_finish, words

USUAL = Finish(bias=False, norm=True, activation="relu")


def content(*texts: Text) -> str:
    return "".join(span.text for text in texts for span in text.spans)


def said(op: dict[str, Any], **keys: Any) -> tuple[str, str, str]:
    node = build(op, **{"channels": 4, **keys}).plan.children[0]
    kind, (title, *remark) = words((node,), Pen(USUAL))
    return kind, content(title), content(*remark)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (conv(16, 1), ("point", "1×1 16", "")),
        (conv(16, 3, stride=2, padding="valid"), ("square", "3×3 16", "stride 2, valid")),
        (conv(16, [1, 7]), ("factor", "1×7 16", "")),
        (conv(16, 3, padding=2), ("square", "3×3 16", "padding 2")),
        (conv(16, 1, bias=True, norm="none", activation="none"), ("point", "1×1 16", "linear")),
        (conv(16, 1, norm="none", activation="none"), ("point", "1×1 16", "linear, no bias")),
        (conv(16, 3, bias=True, norm="none"), ("square", "3×3 16", "bias, no norm")),
        (conv(16, 3, activation="none"), ("square", "3×3 16", "no activation")),
        (conv(16, 3, activation="gelu"), ("square", "3×3 16", "GELU")),
        (conv("in", 3, groups="in"), ("square", "3×3 4", "depthwise")),
        ({"op": "pool", "kind": "average"}, ("pool", "avg 3×3", "")),
        (
            {"op": "pool", "kind": "max", "stride": 2, "padding": 0, "ceil": True},
            ("pool", "max 3×3", "stride 2, valid, ceil"),
        ),
        ({"op": "dropout", "rate": 0.3}, ("other", "dropout 0.3", "")),
        ({"op": "activation", "activation": "silu"}, ("other", "SiLU", "")),
        ({"op": "lrn"}, ("other", "LRN 5", "")),
    ],
    ids=str,
)
def test_a_box_says_what_the_op_is_and_how_it_differs(op: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert said(op) == expected


def test_the_head_of_a_network_says_what_it_is() -> None:
    pool, linear = build(conv(8), classes=7).plan.children[1:]
    assert content(*words((pool,), Pen(USUAL))[1]) == "global avg"
    assert content(*words((linear,), Pen(USUAL))[1]) == "linear 7"


def test_a_linear_layer_says_what_comes_with_it() -> None:
    op = {"op": "linear", "width": 16, "bias": False, "norm": "batch", "activation": "relu"}
    ops = [{"op": "flatten"}, op, {"op": "linear", "width": "classes"}]
    node = Architecture.from_document(document(*ops)).plan.children[1]
    assert content(words((node,), Pen(USUAL))[1][1]) == "no bias, batch norm, ReLU"


def test_what_differs_among_copies_is_a_letter() -> None:
    nodes = tuple(build(conv(width, 1)).plan.children[0] for width in (8, 16))
    _, (title,) = words(nodes, Pen(USUAL, {("8", "16"): "q"}))
    assert [(span.text, span.italic) for span in title.spans] == [("1×1", False), (" ", False), ("q", True)]


@pytest.mark.parametrize(
    ("finish", "sentence"),
    [
        (USUAL, "with batch norm and ReLU"),
        (Finish(True, True, "silu"), "with bias, batch norm and SiLU"),
        (Finish(True, False, "none"), "with bias"),
        (Finish(False, False, "none"), "without bias, norm and activation"),
    ],
    ids=str,
)
def test_the_legend_says_what_comes_with_convolutions(finish: Finish, sentence: str) -> None:
    assert str(finish) == sentence


def test_the_usual_finish_is_that_of_most_convolutions() -> None:
    odd = conv(8, 1, norm="none", bias=True)
    assert usual_finish(build(conv(8), conv(8), odd).plan) == USUAL
    assert usual_finish(build({"op": "identity"}).plan) is None
