"""Python expressions, laid out in lines as formatters lay them out."""

import keyword
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 88


@dataclass(frozen=True)
class Group:
    """Something in brackets: `opening`, items with what stands before them (`width=`), `closing`.

    A comprehension has its parts as items, without commas.
    """

    opening: str
    items: tuple[tuple[str, "Expression"], ...]
    closing: str
    comma: str = ","


Expression: TypeAlias = str | Group


def call(function: str, *positional: Expression, **named: Expression) -> Group:
    """Without those of `named` that are empty."""
    given = _named([(name, each) for name, each in named.items() if each], "{}=")
    return Group(f"{function}(", (*(("", each) for each in positional), *given), ")")


def called_with(function: str, named: Sequence[tuple[str, Expression]]) -> Group:
    """A call whose arguments have any names; those that Python does not allow go through a dict."""
    if all(is_attribute(name) for name, _ in named):
        return Group(f"{function}(", _named(named, "{}="), ")")
    return Group(f"{function}(", (("**", dictionary(named)),), ")")


def dictionary(named: Iterable[tuple[str, Expression]]) -> Group:
    return Group("{", _named(named, '"{}": '), "}")


def repeated(expression: Expression, times: int) -> list[Expression]:
    """So many arguments, as one where that is shorter."""
    if times < 3:
        return [expression] * times
    return [Group("*[", (("", expression), ("", f"for _ in range({times})")), "]", comma="")]


def is_attribute(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def literal(value: object) -> str:
    """A number, text or tuple as Python writes it, texts in double quotes where that needs no escapes."""
    match value:
        case str():
            text = repr(value)
            return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text and "\\" not in text else text
        case tuple():
            inside = ", ".join(map(literal, value))
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        case _:
            return repr(value)


def printable(text: object) -> str:
    """On one line, whatever is in it."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def lines(expression: Expression, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """The lines of `before` + expression + `after`; broken up at brackets where they would be too long."""
    whole = f"{' ' * indent}{before}{_flat(expression)}{after}"
    if len(whole) <= WIDTH or isinstance(expression, str):
        return [whole]
    first, last = f"{' ' * indent}{before}{expression.opening}", f"{' ' * indent}{expression.closing}{after}"
    inside = " " * (indent + 4) + _inside(expression)
    if len(inside) <= WIDTH and expression.opening != "{" and expression.comma:
        return [first, inside, last]
    return [
        first,
        *(
            line
            for label, item in expression.items
            for line in lines(item, indent + 4, label, "" if label == "**" else expression.comma)
        ),
        last,
    ]


def _named(items: Iterable[tuple[str, Expression]], form: str) -> tuple[tuple[str, Expression], ...]:
    return tuple((form.format(name), each) for name, each in items)


def _flat(expression: Expression) -> str:
    if isinstance(expression, str):
        return expression
    return f"{expression.opening}{_inside(expression)}{expression.closing}"


def _inside(group: Group) -> str:
    return f"{group.comma} ".join(f"{label}{_flat(item)}" for label, item in group.items)
