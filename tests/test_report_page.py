"""The report as a file: whole, alone, and harmless whatever a study is called."""

import base64
import gzip
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import plotly.graph_objects
import pytest
from report_parts import studied
from search_parts import SEARCH, prepared, quick_pool, tiny_space
from verbs import refused, said

from nas.__main__ import main
from nas.errors import InputError
from nas.report.page import report
from nas.report.reading import read_study

LATER = datetime(2026, 3, 2)
HOSTILE = "</script><script>alert(1)</script>\"'&<b>ü–\u2028"


class Page(HTMLParser):
    """Tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


def packed(text: str) -> dict[str, Any]:
    """The data in a report."""
    (content,) = re.findall(r'id="data">([^<]*)<', text)
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(content)))
    return data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(read_study(studied(tmp_path_factory.mktemp("report") / "tiny", 48)), LATER)


def test_the_report_says_in_words_what_was_found(written: str) -> None:
    said = " ".join(Page(written).text.split())
    assert "The search over tiny on drawn has ended" in said or "has stopped" in said
    assert re.search(r"The best, trial \d+, has val/accuracy 0\.\d{4} with", said)
    assert re.search(r"48 proposals came to \d+ trained architectures: 24 complete", said)
    for heading in ("History", "Learning curves", "Accuracy against cost", "Best cells", "What mattered", "Slots"):
        assert heading in said
    assert "trains like trial …" in said


def test_the_report_needs_nothing_from_outside(written: str) -> None:
    tags = Page(written).tags
    assert not [(tag, attrs) for tag, attrs in tags if {"src", "srcset", "action"} & attrs.keys() or tag == "link"]
    assert all(str(attrs["href"]).startswith("#") for _, attrs in tags if "href" in attrs)
    (policy,) = (attrs["content"] for _, attrs in tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy)
    assert not re.search(r"@import|url\(|fetch\(", written.partition('id="plotly"')[0])


@pytest.mark.parametrize("costs", [(), ("macs",)])
def test_every_figure_is_one_that_plotly_knows(tmp_path: Path, costs: tuple[str, ...]) -> None:
    text = report(read_study(studied(tmp_path / "tiny", 48, costs=costs, running=2)), LATER)
    drawn = packed(text)["figures"]
    expected = {"history", "curves", "front-parameters", "front-macs", "parallel", "outcomes", "slots"}
    assert drawn.keys() == expected | ({"hypervolume"} if costs else set())
    for figure in drawn.values():
        plotly.graph_objects.Figure(figure)  # raises for a property that there is not
    places = [attrs["data-figure"] for _, attrs in Page(text).tags if "data-figure" in attrs]
    assert sorted(map(str, places)) == sorted(drawn)


def test_every_trial_is_in_the_history_under_its_word(written: str) -> None:
    traces = packed(written)["figures"]["history"]["data"]
    shown = {trace["name"]: len(trace["x"]) for trace in traces if trace["name"] != "best so far"}
    assert shown == {"complete": 24, "pruned": 6, "twin": 6, "infeasible": 6, "failed": 6}


def test_a_word_that_is_not_known_is_shown_like_the_others(tmp_path: Path) -> None:
    folder = studied(tmp_path / "tiny", 12, words=["complete", "postponed"])
    text = report(read_study(folder), LATER)
    assert "postponed" in [trace["name"] for trace in packed(text)["figures"]["outcomes"]["data"]]
    assert "6 postponed" in Page(text).text


def test_a_click_on_the_front_finds_picture_and_document(written: str) -> None:
    data = packed(written)
    for name in ("front-parameters", "front-macs"):
        (front,) = (trace for trace in data["figures"][name]["data"] if trace["name"] == "Pareto front")
        for number in front["customdata"]:
            cell = data["cells"][str(number)]
            assert cell["picture"].startswith("<svg")
            assert cell["document"].startswith("architecture:")
    assert data["gallery"]
    assert all(data["cells"][str(number)]["cell"].startswith("<svg") for number in data["gallery"])


def test_of_other_trials_what_was_sampled_is_there_by_name(written: str, tmp_path: Path) -> None:
    data, record = packed(written), read_study(studied(tmp_path / "tiny", 48))
    for trial, facts in zip(record.trials, data["trials"], strict=True):
        named = {data["parameters"][int(index)]: value for index, value in facts["choices"].items()}
        assert named == trial.params


def test_only_the_best_of_many_candidates_have_pictures(tmp_path: Path) -> None:
    wide = tiny_space(lr={"float": [0.01, 0.1], "log": True}, width={"int": [2, 400]})
    data = packed(report(read_study(studied(tmp_path / "tiny", 120, words=["complete"], space=wide)), LATER))
    assert len(data["trials"]) == 120
    assert 40 <= len(data["cells"]) < 80
    best = max(range(120), key=lambda number: data["trials"][number]["value"])
    assert data["gallery"][0] == best


def test_successive_halving_shows_its_rungs(written: str) -> None:
    assert [line["x0"] for line in packed(written)["figures"]["curves"]["layout"]["shapes"]] == [1, 3]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    body = {
        "op": "branches",
        "branches": {"a": [{"op": "conv", "name": "x", "width": {"choice": [2, 3]}, "kernel": 1}]},
    }
    space = tiny_space(network=body, lr=0.01)
    folder = studied(tmp_path / HOSTILE.replace("/", "∕"), 24, space=space, config={"space": HOSTILE, "data": HOSTILE})
    finals = {
        "seeds": [1],
        "epochs": 2,
        "conclusion": HOSTILE,
        "networks": [
            {
                "name": HOSTILE,
                "kind": "baseline",
                "parameters": 1,
                "macs": 2,
                "lr": 0.1,
                "search_value": None,
                "validation": {"mean": 0.5, "std": 0.1, "n": 2, "values": {"7": 0.4, "8": 0.6}},
                "test": None,
                "failed": 1,
                "over_budget": {HOSTILE: 0.1},
            }
        ],
    }
    (folder / "finals.yaml").write_text(json.dumps(finals), encoding="utf-8")
    study = read_study(folder)
    for trial in study.trials:
        if "reason" in trial.user_attrs:
            trial.user_attrs["reason"] = HOSTILE
    text = report(study, LATER)
    page = Page(text)
    assert "alert(1)" not in text.replace(HOSTILE.replace("<", "&lt;"), "").replace("&lt;script&gt;alert(1)", "")
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert page.text.count("alert(1)") >= 5
    assert packed(text)["study"] == folder.name
    (seeds,) = packed(text)["figures"]["finals"]["data"]
    assert (seeds["text"], seeds["x"]) == (["seed 7", "seed 8"], [0.4, 0.6])
    for figure in packed(text)["figures"].values():
        plotly.graph_objects.Figure(figure)


def test_a_study_that_has_just_begun_has_a_report(tmp_path: Path) -> None:
    for number, running in ((0, 0), (2, 2)):
        text = report(read_study(studied(tmp_path / f"of {number}", number, running=running)), LATER)
        assert "No candidate is complete yet." in Page(text).text


def test_the_command_writes_the_report_of_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    assert main(["train", *SEARCH, "study.trials=4", "tracking=none"]) == 0
    capsys.readouterr()
    assert said(capsys, "report", "tiny", "--out", "r.html") == "r.html\n"
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    data = packed(text)
    assert len(data["trials"]) >= 4
    assert data["cells"]
    assert "Checklist of best practices" in text


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = studied(tmp_path / "tiny", 4)
    (tmp_path / "file").touch()
    assert "--out: cannot write" in refused(capsys, "report", str(folder), "--out", str(tmp_path / "file" / "r.html"))


def test_without_plotly_a_report_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.report.page.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install plotly"):
        report(read_study(studied(tmp_path / "tiny", 2)), LATER)
