"""Training one document without a search: a found one, a published one, or the default network."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from nas.architecture import Architecture
from nas.architecture.placing import Source, placed, read_sources, skeleton_path
from nas.architecture.published import published_path
from nas.cost import cost
from nas.data.images import ImageData
from nas.errors import InputError, check_whole
from nas.overrides import Edit, edited
from nas.pool import cores
from nas.search.display import count, duration, number_of, say
from nas.search.options import MOST, PoolOptions, StudyOptions, TrainerOptions, checked_name, section, study_folder
from nas.space.reading import read_document
from nas.study import files
from nas.study.study import JOURNAL
from nas.training.job import Job
from nas.training.recipe import METRIC, Training
from nas.training.result import NotFinite
from nas.training.starting import fingerprint, tried

DEFAULT = "inception_small"


def train(
    options: Mapping[str, Any],
    architecture_edits: Sequence[Edit],
    training: Mapping[str, Any],
    load: Callable[[], ImageData],
    console: Console,
) -> int:
    """Trains the document that `options["architecture"]` names; gives back the exit status.

    Its own training section, seed and threads hold unless overridden. Result, weights and document go to a folder of
    their own, `train-001` and so on, in the folder of its study (or of the network's name).

    With `options["weights"]`, a file, the training begins with those; heads for other classes are drawn anew.

    With `options["cell"]` the document is a skeleton, whose places take found cells; what it does not say of the
    training is taken from where they were found.

    Raises:
        InputError: anything cannot be used; nothing has been written then.
    """
    source = None if options["architecture"] is None else str(options["architecture"])
    sources = {} if options["cell"] is None else read_sources(options["cell"])
    path = skeleton_path(source) if sources else published_path(source or DEFAULT)
    source = source or DEFAULT
    study = section(StudyOptions, options["study"], "study")
    trainer = section(TrainerOptions, options["trainer"], "trainer")
    pool = section(PoolOptions, options["pool"], "pool")
    if pool.engine != "local":
        raise InputError(f"pool: {pool.engine} is for searches; one network is trained on this machine, with pool=auto")
    test = options["test"]
    if not isinstance(test, bool):
        raise InputError(f"test: expected true or false; got {test!r}")
    weights = _file(options["weights"])
    found = next((each for each in sources.values() if not each.single), None)
    document = _document(path, architecture_edits, training, trainer.max_epochs, study.seed, found)
    record = document["record"]
    data = load()
    if test and data.test is None:
        raise InputError(f"test: data {data.name!r} has no test split")
    try:
        if sources:
            own = {"input": {"channels": data.channels, "size": list(data.size)}, "classes": data.classes}
            document["architecture"] = placed({**own, **document["architecture"]}, sources)
        architecture = Architecture.from_document(document["architecture"])
        recipe = Training.from_document(document["training"])
        price = cost(architecture, (data.channels, *data.size), data.classes)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    origin = Path(found.name).expanduser() if found else path
    home = origin.parent if (origin.parent / JOURNAL).exists() and study.name is None else None
    home = home or study_folder(study, study.name or checked_name(path.stem))
    say(
        console,
        f"{source}: {count(price.parameters)} parameters, {count(price.macs)} MACs at "
        f"{data.channels}×{data.size[0]}×{data.size[1]}; {number_of(recipe.epochs, 'epoch')} on {data.name}",
    )
    _note_differences(record, data, console)
    if weights is None and "weights" in record:
        say(console, "note: it began with weights from a file; without weights=FILE, this training begins from scratch")
    if weights is not None:
        say(console, tried(architecture.to_document(), (data.channels, *data.size), data.classes, weights))

    from nas.training.candidate import train_candidate  # torch takes seconds to import; errors come before it

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        loss = metrics.get("train/loss", float("nan"))
        say(console, f"epoch {epoch + 1}/{recipe.epochs}: loss {loss:.4f}, {METRIC} {metrics[METRIC]:.4f}")
        return False

    folder = _new_folder(home)
    job = Job(
        {**document, "training": recipe.to_document()},
        load,
        trainer.accelerator,
        trainer.precision,
        checkpoint=folder / "checkpoint.pt",
        micro_batch=record.get("micro_batch"),
        graphs=trainer.graphs,
        weights=folder / "weights.pt",
        start=weights,
        test=test,
    )
    try:
        result = train_candidate(job, pool.threads or record.get("threads") or cores(), report)
    except NotFinite as error:
        say(console, f"the training has failed: {error}")
        return 1
    outcome = {
        METRIC: result.value,
        "test": result.test,
        **result.how,
        "seconds": round(result.seconds, 3),
        "versions": result.versions,
    }
    written = {"architecture": architecture.to_document(), "training": recipe.to_document(), "seed": document["seed"]}
    about = data.record
    if weights is not None:
        about["weights"] = {"file": str(weights), "sha256": fingerprint(weights)}
    if sources:
        about["cells"] = {"skeleton": source, **{place or "all": each.name for place, each in sources.items()}}
    files.write_atomically(folder / "document.yaml", files.yaml_text({**written, "record": {**outcome, **about}}))
    files.write_atomically(folder / "result.yaml", files.yaml_text(outcome))
    say(console, f"{METRIC} {result.value:.4f} after {number_of(result.epochs, 'epoch')} in {duration(result.seconds)}")
    from_scratch = weights is None and "weights" not in record
    if METRIC in record and from_scratch and record["data"].get("fingerprint") == data.fingerprint:
        say(console, f"the search had {record[METRIC]!r}, this training has {result.value!r}")
    if result.test is not None:
        files.record_test_read(folder.parent, architecture.digest, source, result.test)
        listed = ", ".join(f"{key} {value:.4f}" for key, value in result.test.items())
        say(console, f"test split ({len(data.test.labels) if data.test else 0} images): {listed}")
    say(console, f"weights, document and result are in {folder}/")
    return 0


def _document(
    path: Path,
    edits: Sequence[Edit],
    training: Mapping[str, Any],
    max_epochs: int | None,
    seed: int | None,
    found: Source | None,
) -> dict[str, Any]:
    """The candidate document in `path`, with what the command line changes; it has all four keys.

    Recipe and seed that it does not give are those of what was `found`.
    """
    document = read_document(path)
    if "architecture" not in document:
        raise InputError(f"{path}: no architecture in it; a document has the key 'architecture'")
    for key in document:
        if key not in ("architecture", "training", "seed", "record"):
            raise InputError(f"{path}: the key {key!r}; a document has architecture, training, seed and record")
    other, origin = (found.written, Path(found.name)) if found else ({}, path)
    recipe = {**_section(other, "training", origin), **_section(document, "training", path), **training}
    if max_epochs is not None:
        recipe["epochs"] = max_epochs
    own_seed = document.get("seed", other.get("seed", 0)) if seed is None else seed
    if not isinstance(own_seed, int) or isinstance(own_seed, bool) or own_seed < 0:
        raise InputError(f"{path}: seed: expected a whole number of at least 0; got {own_seed!r:.80}")
    record = _section(document, "record", path)
    for key, most in (("threads", 1024), ("devices", 1024), ("micro_batch", MOST)):
        if record.get(key) is not None:
            check_whole(f"{path}: record.{key}", record[key], 1, most)
    return {
        "architecture": edited(document["architecture"], edits),
        "training": recipe,
        "seed": own_seed,
        "record": {**record, "data": _section(record, "data", path)},
    }


def _section(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    section = document.get(key)
    if section is not None and not isinstance(section, dict):
        raise InputError(f"{path}: {key}: expected keys with values; got {section!r:.80}")
    return section or {}


def _file(weights: object) -> Path | None:
    if weights is None:
        return None
    path = Path(str(weights)).expanduser()
    if not path.is_file():
        raise InputError(f"weights: no file {str(weights)!r:.200}")
    return path


def _note_differences(record: Mapping[str, Any], data: ImageData, console: Console) -> None:
    if (devices := record.get("devices", 1)) > 1:
        say(
            console,
            f"note: it was found on {devices} devices at once and is trained on one here; its batch norms see other "
            "images, so the figures will differ",
        )
    found_on = record["data"]
    if found_on.get("fingerprint", data.fingerprint) != data.fingerprint:
        say(console, f"note: these are not the images it was found on ({found_on.get('name')}); results do not compare")


def _new_folder(home: Path) -> Path:
    """Makes the first of train-001, train-002 and so on that there is not."""
    number = 1
    while True:
        folder = home / f"train-{number:03d}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
        except OSError as error:
            raise InputError(f"study.folder: {home} cannot be written ({error.strerror})") from None
