"""Pictures of spaces: every hole is visible, and every shipped space can be drawn."""

from typing import Any
from xml.etree import ElementTree

import pytest
from shipped_spaces import SPACES, load

from nas.drawing.offers import shown
from nas.drawing.space import OFFER, draw_space

WHEN = {"if": {"context": "grid", "at_least": 12}, "then": {"choice": [5, 7]}, "else": 3}
ON = {"parameter": "a.b", "in": ["x", None]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.25, "0.25"),
        (True, "true"),
        (None, "absent"),
        ([1, 7], "1×7"),
        ([], "identity"),
        ({"choice": [3, 5, None]}, "3|5|absent"),
        (
            {"choice": {"full": "full", "twice": {"kind": "asymmetric", "times": {"int": [1, 3]}}}},
            "full|twice (times 1…3)",
        ),
        ({"int": [8, 64], "step": 8}, "8…64 by 8"),
        ({"float": [0.1, 0.3]}, "0.1…0.3"),
        ({"of": "$width", "times": {"choice": [0.25, 0.5]}}, "$width · 0.25|0.5"),
        ({"ref": "network.stem.width", "times": 2, "multiple_of": 8}, "that of network.stem.width · 2 (multiple_of 8)"),
        (WHEN, "5|7 if grid ≥ 12, else 3"),
        ({**WHEN, "if": {"context": "width", "at_least": 2, "at_most": 9}}, "5|7 if width 2…9, else 3"),
        ({**WHEN, "if": {"context": "grid", "at_most": 9}}, "5|7 if grid ≤ 9, else 3"),
        ({**WHEN, "if": ON}, "5|7 if a.b is x or absent, else 3"),
        ({"op": "conv", "kernel": 3, "width": 8}, "conv 3×3"),
        ([{"op": "activation"}, {"op": "conv", "kernel": 1}], "activation → conv 1×1"),
        ({"eps": 0.1, "scale": {"choice": [True, False]}}, "eps 0.1, scale true|false"),
    ],
)
def test_a_value_is_shown_in_few_words(value: Any, text: str) -> None:
    assert shown(value) == text


def texts(picture: str) -> list[tuple[str, str]]:
    """The text of a picture, line by line, each with its colour."""
    root = ElementTree.fromstring(picture)
    lines = root.iter("{http://www.w3.org/2000/svg}text")
    return [("".join(line.itertext()), line.get("fill", "")) for line in lines]


@pytest.mark.parametrize("name", SPACES)
def test_every_shipped_space_is_drawn_with_its_cells_and_its_holes_in_colour(name: str) -> None:
    space = load(name, size=28, channels=1)
    lines = texts(draw_space(space.document, name))
    written = [line for line, _ in lines]
    assert name in written
    for cell in space.document["architecture"].get("cells", {}):
        assert f"cell {cell}" in written
    open_ = [line for line, colour in lines if colour == OFFER]
    assert len(open_) >= len(space.holes) // 2
    assert any(line.startswith("lr ") for line in open_)


def test_what_is_chosen_stands_side_by_side_under_its_name() -> None:
    pool = {"choice": {"absent": None, "max": [{"op": "pool", "kind": "max"}]}}
    kinds = {"choice": {"wide": [{"op": "conv", "width": 4, "kernel": 3}], "deep": [], "none": None}}
    branches = {"pool": pool, "any": kinds, "fixed": [{"op": "conv", "width": 8, "kernel": 1}]}
    network = [
        {"op": "branches", "branches": branches},
        {"op": "residual", "body": [], "scale": {"choice": [0.1, 0.2]}, "shortcut": [{"op": "identity"}]},
        {"op": "aux", "name": "aux", "weight": {"choice": [0.0, 0.3]}, "chain": []},
        {"op": "graph", "nodes": {"a": {"in": {"choice": {"no": None, "yes": []}}}}},
        {"op": "chain", "name": "c", "chain": {**WHEN, "then": [{"op": "identity"}], "else": []}},
        {"op": "branches", "branches": {"choice": {"one": {"a": []}, "two": {"b": []}}}},
    ]
    drawn = [line for line, _ in texts(draw_space({"architecture": {"network": network}}, "x"))]
    for expected in ("max, or absent", "one of", "wide", "deep", "none", "absent", "pool", "any", "fixed", "concat"):
        assert expected in drawn
    for expected in ("scale 0.1|0.2", "weight 0|0.3", "a ← in: no|yes", "if grid ≥ 12", "else", "shortcut", "body"):
        assert expected in drawn


def test_names_of_a_document_are_made_fit_to_be_shown() -> None:
    cells = {"<script>": {"op": "conv", "width": {"choice": ["</svg>", 2]}}}
    picture = draw_space({"architecture": {"cells": cells, "network": []}}, "a\u0000b & <c>")
    assert "cell <script>" in [line for line, _ in texts(picture)]
    assert "<script>" not in picture
