"""Expressions keep their meaning however they are laid out, and arguments stand for the numbers they replace."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from nas.export.layout import WIDTH, Expression, call, called_with, dictionary, lines, literal, repeated
from nas.export.numbers import Numbers, total

words = st.sampled_from(["channels", "width // 2", "nn.Identity()", '"some longer text that takes room"', "12"])
names = st.lists(
    st.sampled_from(["near", "far", "1x3", "class", "pool", "a_name_of_many_letters"]), unique=True, min_size=1
)


def groups(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    named = names.flatmap(lambda keys: st.tuples(*(st.tuples(st.just(key), inner) for key in keys)))
    return (
        st.lists(inner, min_size=1, max_size=4).map(lambda items: call("function", *items))
        | named.map(lambda items: called_with("chain", items))
        | named.map(dictionary)
        | inner.map(lambda item: call("nn.Sequential", *repeated(item, 3)))
    )


@given(st.recursive(words, groups, max_leaves=12))
def test_an_expression_means_the_same_however_it_is_laid_out(expression: Expression) -> None:
    written = lines(expression, before="x = ")
    one_line = "".join(line.strip() for line in written).replace("for _", " for _")
    assert ast.dump(ast.parse("\n".join(written))) == ast.dump(ast.parse(one_line))
    assert all(len(line) <= WIDTH for line in written if "(" not in line.strip()[1:])


@given(st.text() | st.tuples(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_literal_is_the_value(value: object) -> None:
    assert ast.literal_eval(literal(value)) == value


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[st.integers(1, 64)] * n), min_size=1, max_size=6)))
def test_arguments_stand_for_the_numbers_of_each_copy(vectors: list[tuple[int, ...]]) -> None:
    incoming, *others = vectors
    numbers = Numbers("", incoming)
    for index, vector in enumerate(others):
        numbers.written(vector, f"width_{index}")
    numbers.settle()
    for copy in range(len(incoming)):
        arguments = {name: vector[copy] for vector, name in numbers.names.items()}
        expressions = [numbers.written(vector, "none") for vector in others]
        assert [eval(each, arguments) for each in expressions] == [vector[copy] for vector in others]
        assert eval(total(expressions), arguments) == sum(vector[copy] for vector in others)


def test_widths_that_are_shares_of_one_are_written_as_such() -> None:
    numbers = Numbers("", (3, 3))
    for vector, name in {(8, 16): "near", (16, 32): "far", (4, 8): "pool"}.items():
        numbers.written(vector, name)
    numbers.settle()
    assert numbers.names == {(16, 32): "width"}
    assert [numbers.written(each, "") for each in ((8, 16), (16, 32), (4, 8), (5, 5))] == [
        "width // 2",
        "width",
        "width // 4",
        "5",
    ]
    assert total(["width // 2", "3", "width", "width // 2", "4"]) == "2 * (width // 2) + width + 7"
