"""The arithmetic of grids, held against counting windows and against torch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nas.architecture.shapes import even, need_map, need_vector, sides, windows
from nas.errors import InputError

sizes = st.integers(1, 20)
kernels = st.integers(1, 8)
strides = st.integers(1, 5)


def counted(n: int, kernel: int, stride: int, before: int, after: int, ceil: bool) -> int:
    """Windows, one by one: they start in the image or before it; with `ceil` the last may stick out behind."""
    count = 0
    while count * stride - before < n and (ceil or count * stride + kernel <= n + before + after):
        count += 1
        if ceil and (count - 1) * stride + kernel >= n + before + after:
            break
    return count


@given(sizes, kernels, strides, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_windows_are_as_many_as_fit(n: int, kernel: int, stride: int, before: int, after: int, ceil: bool) -> None:
    padding = (min(before, kernel // 2), min(after, kernel // 2), 0, 0)
    if n + padding[0] + padding[1] < kernel:
        with pytest.raises(InputError, match=f"a kernel of {kernel}×1 does not fit the grid of {n}×1"):
            windows((n, 1), (kernel, 1), (stride, 1), padding, ceil)
        return
    expected = counted(n, kernel, stride, padding[0], padding[1], ceil)
    assert windows((n, 1), (kernel, 1), (stride, 1), padding, ceil) == (expected, 1)


@given(sizes, sizes, kernels, kernels, strides, strides, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_windows_are_those_of_torchs_pool(
    h: int, w: int, kh: int, kw: int, sh: int, sw: int, ph: int, pw: int, ceil: bool
) -> None:
    ph, pw = min(ph, kh // 2), min(pw, kw // 2)
    if h + 2 * ph < kh or w + 2 * pw < kw:
        return
    pooled = functional.max_pool2d(torch.empty(1, 1, h, w, device="meta"), (kh, kw), (sh, sw), (ph, pw), ceil_mode=ceil)
    assert windows((h, w), (kh, kw), (sh, sw), (ph, ph, pw, pw), ceil) == tuple(pooled.shape[2:])


@given(sizes, kernels, strides)
def test_tf_same_gives_a_window_for_every_stride_and_pads_no_more_than_that_needs(n: int, k: int, s: int) -> None:
    top, bottom, left, right = sides("tf_same", (k, k), (s, s), (n, n))
    assert (top, bottom) == (left, right)
    assert top + bottom == max((-(-n // s) - 1) * s + k - n, 0)
    assert bottom - top in (0, 1)
    assert windows((n, n), (k, k), (s, s), (top, bottom, left, right)) == (-(-n // s),) * 2


@given(sizes, sizes, kernels, kernels)
def test_same_keeps_the_grid_at_stride_one(h: int, w: int, kh: int, kw: int) -> None:
    padding = sides("same", (kh, kw), (1, 1), (h, w))
    assert windows((h, w), (kh, kw), (1, 1), padding) == (h, w)
    assert padding[0] <= padding[1] <= padding[0] + 1
    assert padding[2] <= padding[3] <= padding[2] + 1


@given(sizes, st.integers(0, 3), strides)
def test_same_with_an_odd_kernel_gives_the_grid_of_tf_same(n: int, half: int, stride: int) -> None:
    k = 2 * half + 1
    same, tf = (
        windows((n, n), (k, k), (stride, stride), sides(word, (k, k), (stride, stride), (n, n)))
        for word in ("same", "tf_same")
    )
    assert same == tf


def test_the_published_grids_of_three_by_three_pools_with_stride_two() -> None:
    """Ceil and floor, from the reference on rounding."""
    for n, ceil, floor in [
        (112, 56, 55),
        (56, 28, 27),
        (28, 14, 13),
        (14, 7, 6),
        (54, 27, 26),
        (32, 16, 15),
        (16, 8, 7),
    ]:
        assert windows((n, n), (3, 3), (2, 2), (0, 0, 0, 0), True) == (ceil, ceil)
        assert windows((n, n), (3, 3), (2, 2), (0, 0, 0, 0)) == (floor, floor)


@pytest.mark.parametrize(("n", "k", "s", "before", "after"), [(224, 7, 2, 2, 3), (28, 3, 2, 0, 1), (35, 3, 1, 1, 1)])
def test_tf_same_of_published_layers(n: int, k: int, s: int, before: int, after: int) -> None:
    assert sides("tf_same", (k, k), (s, s), (n, n)) == (before, after, before, after)


def test_four_sides_are_taken_as_they_are_and_valid_is_none() -> None:
    assert sides((0, 1, 2, 3), (3, 3), (1, 1), (8, 8)) == (0, 1, 2, 3)
    assert sides("valid", (3, 3), (1, 1), (8, 8)) == (0, 0, 0, 0)


def test_tf_same_pads_height_and_width_each_by_its_own_kernel_stride_and_size() -> None:
    assert sides("tf_same", (3, 5), (1, 2), (8, 9)) == (1, 1, 2, 2)
    assert sides("tf_same", (1, 4), (2, 1), (7, 8)) == (0, 0, 1, 2)


def test_a_kernel_that_does_not_fit_is_told_with_the_padding_on_its_side() -> None:
    with pytest.raises(InputError, match=r"^a kernel of 9×3 does not fit the grid of 2×8 with 3 of padding$"):
        windows((2, 8), (9, 3), (1, 1), (1, 2, 4, 4))
    with pytest.raises(InputError, match=r"^a kernel of 3×9 does not fit the grid of 8×2$"):
        windows((8, 2), (3, 9), (1, 1), (1, 2, 0, 0))


def test_padding_is_even_if_it_is_the_same_before_and_after() -> None:
    assert even((1, 1, 2, 2))
    assert not even((0, 1, 2, 2))
    assert not even((1, 1, 2, 3))


def test_what_comes_in_is_told_as_people_write_it() -> None:
    with pytest.raises(InputError, match=r"^lrn needs a map \(channels×height×width\), but a vector of 192 comes in$"):
        need_map((192,), "lrn")
    told = "^linear needs a vector, but a map of 192×28×14 comes in; put flatten or global_pool before it$"
    with pytest.raises(InputError, match=told):
        need_vector((192, 28, 14), "linear")
    need_map((192, 28, 14), "lrn")
    need_vector((192,), "linear")
