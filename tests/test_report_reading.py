"""What a study's folder is read as, while it is searched and afterwards."""

from pathlib import Path

import optuna
import pytest
from report_parts import studied

from nas.errors import InputError
from nas.report.reading import is_running, read_study
from nas.study import files
from nas.study.database import connected
from nas.study.study import held, load_study


def test_a_study_is_read_from_its_folder_alone(tmp_path: Path) -> None:
    record = read_study(studied(tmp_path / "tiny", 16))
    assert (record.name, record.budget, record.slots) == ("tiny", 16, 2)
    assert record.counts == {"complete": 8, "pruned": 2, "twin": 2, "infeasible": 2, "failed": 2}
    assert record.counted == 10
    assert record.best_trial.values[0] == max(trial.values[0] for trial in record.trials if trial.values)
    candidate = record.candidate(record.best_trial)
    assert candidate is not None
    assert candidate.digest == record.best_trial.user_attrs["digest"]


def test_several_objectives_are_those_of_the_study(tmp_path: Path) -> None:
    record = read_study(studied(tmp_path / "tiny", costs=["macs", "parameters"]))
    assert record.objectives.names == ("accuracy", "macs", "parameters")
    assert record.best_trial.number in record.found.numbers


def test_a_study_goes_by_its_name_in_the_folder_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studied(tmp_path / "studies" / "tiny", 8)
    monkeypatch.chdir(tmp_path)
    assert len(read_study("tiny").trials) == 8
    with pytest.raises(InputError, match="study: no study 'tony'; did you mean 'tiny'"):
        read_study("tony")


def test_a_study_without_a_complete_candidate_is_read_too(tmp_path: Path) -> None:
    record = read_study(studied(tmp_path / "tiny", 2, running=2))
    assert record.state == "stopped"
    assert [trial.number for trial in record.in_flight] == [0, 1]
    assert record.epochs(record.trials[0]) == 2
    with pytest.raises(InputError, match="no candidate is complete yet"):
        _ = record.best_trial


def test_a_study_is_running_while_a_driver_holds_its_folder(tmp_path: Path) -> None:
    folder = studied(tmp_path / "tiny", 8)
    assert read_study(folder).state == "ended" or not is_running(folder)
    with held(folder):
        assert read_study(folder).state == "running"
    assert not is_running(folder)


def test_a_study_in_a_database_is_read_by_the_address_in_its_configuration(tmp_path: Path) -> None:
    source = studied(tmp_path / "tiny", 8)
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    optuna.copy_study(
        from_study_name="tiny", from_storage=load_study(source)._storage, to_storage=connected(url), to_study_name="two"
    )
    config = read_study(source).config
    for name in ("two", "three"):
        text = files.yaml_text({**config, "study": {**config["study"], "storage": url}})
        files.write_atomically(tmp_path / name / files.CONFIG, text)
    assert read_study(tmp_path / "two").counts == read_study(source).counts
    with pytest.raises(InputError, match="no study 'three' in sqlite"):
        read_study(tmp_path / "three")


def test_reading_changes_nothing_in_the_folder(tmp_path: Path) -> None:
    folder = studied(tmp_path / "tiny", 8)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    read_study(folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_trial_that_there_is_not_is_refused(tmp_path: Path) -> None:
    record = read_study(studied(tmp_path / "tiny", 4))
    with pytest.raises(InputError, match="no trial 4; its trials are 0 to 3"):
        record.trial(4)


def test_a_study_with_ops_of_its_users_own_says_which_module_it_needs(tmp_path: Path) -> None:
    record = read_study(studied(tmp_path / "tiny", 4, config={"imports": ["json", "my_own_ops"]}))
    with pytest.raises(InputError, match="add --imports my_own_ops"):
        record.candidate(record.best_trial)


def test_files_that_are_no_yaml_are_refused_with_their_place(tmp_path: Path) -> None:
    folder = studied(tmp_path / "tiny", 4)
    (folder / "config.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.yaml: not YAML"):
        read_study(folder)
