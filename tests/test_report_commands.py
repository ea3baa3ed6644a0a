"""The commands on studies: `list`, `status`, `show` and `compare`."""

import subprocess
import sys
from pathlib import Path

import pytest
from pages import commands_of
from report_parts import studied
from verbs import refused, said

from nas.__main__ import main
from nas.report.compare import differences
from nas.report.show import drawn
from nas.study.study import held

NAME = "it's <b>[red]ü"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    studied(tmp_path / "studies" / "tiny", 24, running=2)
    return tmp_path


def test_status_says_where_a_search_stands(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "status", "tiny")
    for part in ("14/24", "11 complete, 3 pruned", "candidates an hour", "best 0.", "network: ", "stopped with 2 "):
        assert part in told
    assert " left" not in told


def test_status_lists_the_candidates_in_training(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(home / "studies" / "tiny"):
        rows = [line.split() for line in said(capsys, "status", "studies/tiny").splitlines()]
    assert rows[-1] == ["running"]
    assert any("left," in row for row in rows)
    assert [row[:2] for row in rows if row and row[0] in ("22", "23")] == [["22", "1/2"], ["23", "1/2"]]


def test_list_shows_every_study_of_a_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    studied(home / "studies" / NAME, 8, costs=["macs"])
    broken = home / "studies" / "broken"
    broken.mkdir()
    (broken / "journal.log").write_text("nothing\n", encoding="utf-8")
    (home / "studies" / "no study").mkdir()
    rows = said(capsys, "list").splitlines()
    assert len(rows) == 4
    (hostile,) = (row for row in rows if row.startswith(NAME))
    assert "accuracy, macs" in hostile
    assert any(row.startswith("broken") and "unreadable" in row for row in rows)


def test_list_says_where_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "list", str(tmp_path)) == f"no studies in {tmp_path}/\n"
    assert "list: no folder" in refused(capsys, "list", str(tmp_path / "nowhere"))


def test_show_has_facts_curve_cells_and_document_of_the_best(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "show", "tiny")
    for part in ("complete, the best", "val/accuracy 0.", "parameters ", "digest ", "4, 0.", "█", "network: "):
        assert part in told
    assert "\narchitecture:\n" in told


def test_show_has_the_reason_of_one_that_failed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "ValueError: no 7" in said(capsys, "show", "tiny", "7")
    assert "no trial 99" in refused(capsys, "show", "tiny", "99")


def test_compare_says_what_differs_by_its_path(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "compare", "tiny:0", "tiny:3")
    assert "network.body.width" in told or "network.body.kernel" in told
    assert "val/accuracy" in told
    assert "the documents differ in" in told
    assert "the documents are the same" in said(capsys, "compare", "tiny:0", "tiny:0")


def test_compare_takes_published_networks_documents_and_studies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "show", "tiny")
    document = home / "network.yaml"
    document.write_text(
        "architecture: {input: {channels: 1, size: 8}, classes: 3, network: [{op: global_pool}, "
        "{op: linear, width: classes}]}",
        encoding="utf-8",
    )
    assert "6.62 M" in said(capsys, "compare", "googlenet_bn", "studies/tiny")
    assert "classes" in said(capsys, "compare", "googlenet_bn", str(document))
    assert "no published network 'googlenet_bm'; did you mean" in refused(capsys, "compare", "googlenet_bm", "tiny:0")


def test_differences_tell_items_of_lists_by_their_names() -> None:
    one = {"network": [{"name": "a", "width": 1}, {"name": "b", "width": 2}], "same": 1}
    other = {"network": [{"name": "b", "width": 3}], "same": 1, "more": {"x": True}}
    assert list(differences(one, other)) == [
        ("network.a", "{name: a, width: 1}", "–"),
        ("network.b.width", "2", "3"),
        ("more", "–", "{x: true}"),
    ]


def test_a_constant_curve_is_drawn_too() -> None:
    assert drawn({0: 0.5, 1: 0.5}) == "▁▁"


def test_commands_on_studies_load_nothing_that_takes_long(home: Path) -> None:
    lines = [["list"], ["compare", "tiny:0", "tiny:3"], *([verb, "tiny"] for verb in ("status", "show", "report"))]
    program = f"import sys\nfrom nas.__main__ import main\nprint(*map(main, {lines}))\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    statuses, modules = done.stdout.splitlines()[-2:]
    loaded = set(modules.split())
    assert statuses == "0 0 0 0 0"
    assert "nas.report.reading" in loaded
    assert loaded.isdisjoint({"torch", "pytorch_lightning", "wandb", "plotly", "ray"})


COMMANDS = [words[3:] for words in commands_of("docs/report.md") if words[:3] == ("python", "-m", "nas")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_of_its_page_works(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if words[0] == "preview":
        words += ("--samples", "3", "--timed", "0")
    else:
        studied(tmp_path / "studies" / "inception_cell", 24)
    assert main(words) == 0
