"""The table of a network's ops."""

import pytest
from documents import HEAD, build, conv, side_by_side

from nas.architecture import Architecture
from nas.architecture.plan import plan
from nas.architecture.published import published_names
from nas.cost import cost
from nas.drawing import table


def numbers(line: str) -> tuple[int, int]:
    """Parameters and MACs of a line of the table."""
    parameters, macs = line.replace(",", "").split()[-2:]
    return int(parameters), int(macs)


def totals(text: str) -> dict[str, tuple[int, int]]:
    """The numbers of the whole network (`total`) and of each aux head (`total of NAME`)."""
    return {line.split("  ")[0]: numbers(line) for line in text.splitlines() if line.startswith("total")}


@pytest.mark.parametrize("name", published_names())
def test_the_totals_are_the_cost_and_the_sums_of_the_rows(name: str) -> None:
    architecture = Architecture.load(name)
    text = table(architecture.plan)
    price = cost(architecture)
    assert totals(text)["total"] == (price.parameters, price.macs)
    rows = text.split("\n\n")[1].splitlines()[2:-2]
    assert [row.split()[0] for row in rows] == [op.path for op in architecture.plan.leaves()]
    assert [numbers(row) for row in rows] == [(op.parameters, op.macs) for op in architecture.plan.leaves()]


def test_aux_heads_stand_apart_with_totals_of_their_own() -> None:
    text = table(Architecture.load("googlenet_bn").plan)
    assert totals(text) == {
        "total": (6_624_904, 1_498_376_192),
        "total of aux1": (3_188_968, 4_169_728),
        "total of aux2": (3_191_016, 4_202_496),
    }
    assert "aux head aux1 on 512×14×14, weight 0.3, in training only" in text


def test_the_table_is_that_of_the_input_and_classes_planned_for() -> None:
    architecture = build(conv(8, 3, bias=True, norm="none"), classes=5)
    assert (
        table(plan(architecture.network, (1, 6, 6), 3))
        == """\
input 1×6×6, depth 2, training keeps 1,328 bytes an image

op           what        output  parameters   MACs
--------------------------------------------------
conv         3×3 8       8×6×6           80  2,592
global_pool  global avg  8                0      0
linear       linear 3    3               27     24
--------------------------------------------------
total                    3              107  2,616
"""
    )


def test_ops_that_do_nothing_are_rows_too() -> None:
    text = table(build(side_by_side(a=[conv(4, 1)], b=[]), {"op": "aux", "name": "side", "chain": HEAD}).plan)
    assert ["branches.b", "x", "3×8×8", "0", "0"] in [line.split() for line in text.splitlines()]
