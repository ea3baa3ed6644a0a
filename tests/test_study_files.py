"""The files of a study: written whole, read back equal."""

import csv
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from nas.architecture import Architecture
from nas.architecture.published import published_names
from nas.space.reading import parse_document
from nas.study.files import TEST_READS, record_test_read, trials_csv, write_atomically, yaml_text

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
TEXT_KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)
DOCUMENTS = st.dictionaries(
    TEXT_KEYS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT_KEYS, inner, max_size=3)),
    max_size=4,
)


def trial(number: int, told: TrialState, value: float | None = None, **attrs: Any) -> optuna.trial.FrozenTrial:
    made = create_trial(
        state=told,
        value=value,
        params={"width": 4, "kind": None},
        distributions={"width": IntDistribution(1, 9), "kind": CategoricalDistribution((None, "a,b", True))},
        user_attrs=attrs,
    )
    made.number = number
    return made


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.yaml"
    write_atomically(path, "one")
    write_atomically(path, "zwei\nü")
    assert path.read_text(encoding="utf-8") == "zwei\nü"
    assert list(path.parent.iterdir()) == [path]


@given(DOCUMENTS)
def test_every_document_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_text(document)) == document


@pytest.mark.parametrize(
    "text", ["1e3", "-1e-3", "+1e3", ".5e3", "1_0.5", "no", "null", "~", "2020-01-01", "0x10", "a: b"]
)
def test_a_text_that_looks_like_something_else_stays_a_text(text: str) -> None:
    document = {"class_names": [text, "b"], "name": text}
    assert parse_document(yaml_text(document), "here") == document


@pytest.mark.parametrize("name", published_names())
def test_networks_are_written_so_that_they_load_again(name: str, tmp_path: Path) -> None:
    architecture = Architecture.load(name)
    write_atomically(tmp_path / "network.yaml", yaml_text({"architecture": architecture.to_document()}))
    assert Architecture.load(str(tmp_path / "network.yaml")) == architecture


def test_ops_without_chains_are_on_one_line() -> None:
    text = yaml_text({"network": [{"op": "conv", "kernel": [1, 7]}, {"op": "chain", "chain": [{"op": "identity"}]}]})
    assert "- {op: conv, kernel: [1, 7]}\n" in text
    assert "- op: chain\n" in text


def test_the_table_has_a_row_for_each_ended_trial_and_a_column_for_each_parameter() -> None:
    text = trials_csv(
        [
            trial(0, TrialState.COMPLETE, 0.1, state="complete", digest="d", parameters=5, macs=7, seconds=1.5),
            trial(1, TrialState.RUNNING),
            trial(2, TrialState.PRUNED, state="infeasible", digest="e", reason='over, "much"'),
            trial(3, TrialState.FAIL),
        ],
        ["width", "kind", "inactive"],
    )
    rows = list(csv.reader(text.splitlines()))
    assert rows == [
        ["number", "state", "value", "digest", "parameters", "macs", "seconds", "reason", "width", "kind", "inactive"],
        ["0", "complete", "0.1", "d", "5", "7", "1.5", "", "4", "null", ""],
        ["2", "infeasible", "", "e", "", "", "", 'over, "much"', "4", "null", ""],
        ["3", "failed", "", "", "", "", "", "", "4", "null", ""],
    ]


def test_each_read_of_the_test_split_is_added_to_the_record(tmp_path: Path) -> None:
    for _ in range(2):
        record_test_read(tmp_path / "study", "digest", "a, b.yaml", {"test/accuracy": 0.5})
    rows = list(csv.reader((tmp_path / "study" / TEST_READS).read_text().splitlines()))
    assert rows[0] == ["time", "digest", "document", "result"]
    assert [row[1:] for row in rows[1:]] == [["digest", "a, b.yaml", '{"test/accuracy": 0.5}']] * 2
