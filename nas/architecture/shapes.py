"""Arithmetic of grids: what padding, kernel and stride make of a height and a width.

A shape is (channels, height, width) for maps and (channels,) for vectors, without the batch.
"""

from math import prod

from nas.architecture.fields import Pair, Sides
from nas.errors import InputError

Shape = tuple[int, ...]


def is_map(shape: Shape) -> bool:
    return len(shape) == 3


def grid_of(shape: Shape) -> Pair:
    """Height and width of a map."""
    return shape[1], shape[2]


def elements(shape: Shape) -> int:
    return prod(shape)


def written(shape: Shape) -> str:
    """As people write it: `192×28×28`, or `1024`."""
    return "×".join(map(str, shape))


def need_map(shape: Shape, what: str) -> None:
    if not is_map(shape):
        raise InputError(f"{what} needs a map (channels×height×width), but a vector of {written(shape)} comes in")


def need_vector(shape: Shape, what: str) -> None:
    if is_map(shape):
        raise InputError(
            f"{what} needs a vector, but a map of {written(shape)} comes in; put flatten or global_pool before it"
        )


def sides(padding: str | Sides, kernel: Pair, stride: Pair, grid: Pair) -> Sides:
    """Padding as (top, bottom, left, right).

    `same` pads k-1 in all, the smaller half before, whatever the stride. `tf_same` pads as TensorFlow's SAME does:
    max((ceil(n/s) - 1)·s + k - n, 0) in all, the smaller half before.
    """
    match padding:
        case "valid":
            return 0, 0, 0, 0
        case "same":
            total = (kernel[0] - 1, kernel[1] - 1)
        case "tf_same":
            total = (_tf_total(grid[0], kernel[0], stride[0]), _tf_total(grid[1], kernel[1], stride[1]))
        case tuple():
            return padding
        case _:
            raise AssertionError(padding)
    return total[0] // 2, total[0] - total[0] // 2, total[1] // 2, total[1] - total[1] // 2


def _tf_total(n: int, kernel: int, stride: int) -> int:
    return max((-(-n // stride) - 1) * stride + kernel - n, 0)


def even(sides: Sides) -> bool:
    """Whether as much is before as behind, which torch's layers can pad themselves."""
    return sides[0] == sides[1] and sides[2] == sides[3]


def windows(grid: Pair, kernel: Pair, stride: Pair, padding: Sides, ceil: bool = False) -> Pair:
    """The output grid of a convolution or pool.

    floor((n + p - k) / s) + 1, or with the ceiling, less one if the last window would start in the padding.

    Raises:
        InputError: the kernel is larger than the padded grid.
    """
    top, bottom, left, right = padding
    return (
        _windows(grid, 0, kernel, stride, top, bottom, ceil),
        _windows(grid, 1, kernel, stride, left, right, ceil),
    )


def _windows(grid: Pair, axis: int, kernel: Pair, stride: Pair, before: int, after: int, ceil: bool) -> int:
    n, k, s = grid[axis], kernel[axis], stride[axis]
    room = n + before + after - k
    if room < 0:
        raise InputError(
            f"a kernel of {kernel[0]}×{kernel[1]} does not fit the grid of {grid[0]}×{grid[1]}"
            + (f" with {before + after} of padding" if before + after else "")
        )
    if not ceil:
        return room // s + 1
    count = -(-room // s) + 1
    return count - 1 if (count - 1) * s >= n + before else count
