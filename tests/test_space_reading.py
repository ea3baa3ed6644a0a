"""What a file may hold to be a document, and how everything else is refused."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.space.reading import MAX_BYTES, MAX_DEPTH, MAX_NODES, check_data, parse_document, read_document

LAUGHS = "\n".join(
    ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)

HOSTILE = {
    "a tag that runs code": ("a: !!python/object/apply:os.system ['true']", "tag"),
    "a tag of a name": ("a: !!python/name:os.system", "tag"),
    "a harmless tag": ("a: !!str 1", "tag"),
    "a tag of its own": ("a: !own {b: 1}", "tag"),
    "the tag without a name": ("a: ! 1", "tag"),
    "a tag on a key": ("!!str a: 1", "tag"),
    "a tag behind a directive": ("%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system []", "tag"),
    "aliases that multiply": (LAUGHS, "aliases counted in full"),
    "a merge of itself": ("b: &b {<<: *b}", "inside what it repeats"),
    "an alias inside itself": ("a: &a [1, *a]", "inside what it repeats"),
    "an alias of nothing": ("a: *b", "no anchor"),
    "100,000 brackets": ("a: " + "[" * 100_000, "deep"),
    "100,000 braces": ("a: " + "{b: " * 100_000, "deep"),
    "100,000 dashes": ("- " * 100_000 + "a", "deep"),
    "one level too many": ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, "deep"),
    "too many values": ("a: [" + "1, " * MAX_NODES + "1]", "more than 100000 values"),
    "a key that stands twice": ("a: 1\nb: {c: 1, c: 2}", "the key 'c' stands twice"),
    "a key that is a list": ("[a, b]: 1", "a key is a string"),
    "a key that is a mapping": ("? {a: b}\n: 1", "a key is a string"),
    "a NUL byte": ("a: '\0'", "unacceptable character"),
    "nothing": ("", "a mapping"),
    "a list": ("[1, 2]", "a mapping"),
    "a word": ("word", "a mapping"),
    "two documents": ("a: 1\n---\nb: 2", "single document"),
    "no YAML": ("a: [1, 2", "not valid YAML"),
    "an integer of absurd length": ("a: " + "9" * 10_000, "not valid YAML"),
    "an environment variable": ("a: {b: '${oc.env:HOME}'}", "a.b: '${oc.env:HOME}'"),
    "a resolver in escapes": ('a: {b: "\\x24{oc.env:HOME}"}', "a.b: '${oc.env:HOME}'"),
    "a resolver in a list": ("a: [1, '${x}']", "a.1: "),
    "a resolver in a key": ("a: {'${x}': 1}", "'${x}'"),
    "_target_": ("a: {_target_: os.system}", "a: the key '_target_'"),
    "_args_": ("a: [{_args_: [1]}]", "a.0: the key '_args_'"),
    "_target_ by merging": ("a: &a {b: 1}\nc: {<<: *a, _target_: x}", "'_target_'"),
    "a number as key": ("a: {1: b}", "the key 1 is no string"),
    "a boolean as key": ("a: {on: b}", "the key True is no string"),
    "nothing as key": ("a: {~: b}", "the key None is no string"),
}


@pytest.mark.parametrize(("text", "told"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_more_or_less_than_data_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_document(text, "somewhere")
    assert told in str(refused.value)
    assert str(refused.value).startswith("somewhere")
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1e3),
        ("-1.5e+2", -150.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("3", 3),
        ("-3", -3),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1x7", "1x7"),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ("$width", "$width"),
        ("true", True),
        ("none", "none"),
        ("null", None),
        ("", None),
    ],
)
def test_a_scalar_is_what_it_looks_like(written: str, value: object) -> None:
    read = parse_document(f"a: {written}", "here")["a"]
    assert read == value
    assert type(read) is type(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc-: #'\"{}[]*&!\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1), plain, max_size=3))
def test_plain_data_comes_back_as_it_was_written(data: object) -> None:
    assert parse_document(yaml.safe_dump(data), "here") == data


def test_anchors_and_merges_are_written_out() -> None:
    assert parse_document("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}", "here") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": 2},
    }


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path) -> None:
    wrong = {
        "latin.yaml": b"a: \xe9",
        "large.yaml": b"a: 1\n# " + b"x" * MAX_BYTES,
        "zip.yaml": b"PK\x03\x04\x00\x00",
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    for name in (*wrong, "missing.yaml", "."):
        with pytest.raises(InputError, match=str(tmp_path)):
            read_document(tmp_path / name)


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(InputError, match="more than 1000000 bytes"):
        read_document(Path("/dev/zero"))


def test_a_document_of_the_largest_depth_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert parse_document("a: " + "[" * depth + "]" * depth, "here")


def test_data_made_in_python_is_held_to_the_same_rules() -> None:
    circle: list[object] = []
    circle.append(circle)
    for wrong in ({"a": circle}, {"a": {1, 2}}, {"a": b"x"}, {"a": object()}, {"a": (1, 2)}, {1: 2}):
        with pytest.raises(InputError, match="here"):
            check_data(wrong, "here")
