"""From the command line to a configuration: Hydra composes, after the space's files have been checked."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from nas.architecture.own_ops import import_own
from nas.errors import InputError, refuse_unknown, unknown
from nas.overrides import GROUPS, Edit, edited, split
from nas.space.files import SpaceFile, put_together, space_files, space_names
from nas.space.space import SECTIONS

KEYS = (*GROUPS, *"architecture cell imports search study test tracking trainer training weights".split())
"""What a configuration holds."""

SEARCH_KEYS = ("best", "budget", "control", "finals", "objectives", "per_architecture", "screen", "start_from")
"""What its section `search` holds beside the space."""

SHIPPED = Path(str(files("search_spaces"))) / "search"
"""The folder of the package's spaces and their parts."""


@dataclass(frozen=True)
class Configuration:
    """A composed run. `options` is the configuration as plain data, without the space.

    `space` (None: train one network) holds `architecture` and `training` with their holes; `space_name` is its name.
    `architecture_edits` and `training_edits` change the document that is trained without a search.
    """

    options: Mapping[str, Any]
    space_name: str | None
    space: Mapping[str, Any] | None
    architecture_edits: tuple[Edit, ...]
    training: Mapping[str, Any]
    data: Callable[[], Any]
    sampler: Callable[..., Any]
    pruner: Any


def configuration(arguments: Sequence[str]) -> Configuration:
    """The configuration that command-line overrides describe.

    Raises:
        InputError: an override, space, part or value that there is not, or a space file that is more than data.
    """
    edits, rest = split(arguments)
    name, files_of_space = _space(rest)
    with TemporaryDirectory() as folder:
        lines = _laid_out(files_of_space, Path(folder))
        options = _composed([*lines, *(o.input_line or "" for o in rest if not _names_space(o))])
    refuse_unknown("configuration", "key", options, KEYS)
    import_own(options["imports"])  # a _target_ may be in one of these
    search = _mapping(options["search"], "search")
    parts = {section: search.pop(section) for section in SECTIONS if section in search}
    refuse_unknown("search", "key", search, SEARCH_KEYS)
    space = None
    if files_of_space:
        whole = edited(put_together(files_of_space, parts), edits.search)
        if "architecture" not in whole:
            raise InputError(f"search={name}: a space has the key architecture; this one has {list(whole)}")
        space = {section: _mapping(value, f"search.{section}") for section, value in whole.items()}
    elif edits.search:
        raise InputError(f"search.{edits.search[0].path}: there is no space without +search=NAME")
    training = edited({"training": options.pop("training")}, edits.training)
    return Configuration(
        options=options,
        space_name=name,
        space=space,
        architecture_edits=edits.architecture,
        training=_mapping(training["training"], "training"),
        data=_deferred(options["data"], "data"),
        sampler=_deferred(options["sampler"], "sampler"),
        pruner=_constructed(options["pruner"], "pruner"),
    )


def _names_space(override: Override) -> bool:
    return override.key_or_group == "search"


def _space(overrides: Sequence[Override]) -> tuple[str | None, list[SpaceFile]]:
    """The name of the space that is asked for and its files, its own first; a path is a space outside the package."""
    given = [str(override.value()) for override in overrides if _names_space(override)]
    if not given:
        return None, []
    if len(given) > 1:
        raise InputError(f"search: one space at a time; got {' and '.join(given)}")
    if not given[0].endswith((".yaml", ".yml")):
        return given[0], space_files(given[0], [SHIPPED], _chosen(overrides))
    path = Path(given[0]).expanduser()
    if path.suffix != ".yaml" or not path.is_file():
        raise InputError(f"search: no file {given[0]!r} (.yaml); spaces by name: {', '.join(space_names([SHIPPED]))}")
    return path.stem, space_files(path.stem, [path.parent, SHIPPED], _chosen(overrides))  # parts may lie beside it


def _laid_out(space: Sequence[SpaceFile], folder: Path) -> list[str]:
    """Writes a space where Hydra shall find it; gives back the overrides that make Hydra do so.

    What was checked is written, as JSON, so that nothing depends on how Hydra reads YAML. The space's own sections are
    left out, which are laid over its parts afterwards.
    """
    if not space:
        return []
    own = {key: value for key, value in space[0].content.items() if key not in SECTIONS}
    for name, content in [("own.yaml", own), *((file.relative, file.content) for file in space[1:])]:
        copy = folder / "search" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(content), encoding="utf-8")
    return [f"hydra.searchpath=['file://{folder}']", "+search=own"]


def _chosen(overrides: Sequence[Override]) -> dict[str, str]:
    """The parts of a space that the command line names, by their group."""
    groups = {o.key_or_group.removeprefix("search/"): o for o in overrides if o.key_or_group.startswith("search/")}
    return {group: str(override.value()) for group, override in groups.items() if not override.is_delete()}


def _composed(overrides: Sequence[str]) -> dict[str, Any]:
    try:
        with initialize_config_module("conf", version_base="1.3"):
            config = compose("config", overrides=list(overrides))
        search = OmegaConf.to_container(config.search, resolve=False)
        del config.search
        options = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingConfigException as error:
        group, _, part = str(error.missing_cfg_file).rpartition("/")
        raise unknown(group or "config", "configuration", part, error.options or []) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise _explained(error) from None
    assert isinstance(options, dict)
    return {str(key): value for key, value in options.items()} | {"search": search}


def _explained(error: Exception) -> InputError:
    """Hydra's errors in our words: which key there is not, or which needs a value."""
    match error:
        case MissingMandatoryValue():
            return InputError(f"{error.full_key}: needs a value; give it as {error.full_key}=...")
        case ConfigCompositionException() if key := re.match(r"Could not override '([\w.@/]+)'", str(error)):
            if "/" in key[1]:
                return InputError(f"{key[1]}: the space takes in no such part; to add one, write +{key[1]}=NAME")
            with initialize_config_module("conf", version_base="1.3"):
                there: Any = OmegaConf.to_container(compose("config"), resolve=False)
            place = ""
            for word in key[1].split("."):
                keys = there if isinstance(there, dict) else {}
                if word not in keys:
                    return unknown(place or "configuration", "key", word, [k for k in keys if not k.startswith("_")])
                there, place = keys[word], f"{place}.{word}".removeprefix(".")
            return InputError(_line(error))
        case _:
            return InputError(_line(error))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _mapping(value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: expected keys with values; got {value!r:.80}")
    return value


def _constructed(config: Any, place: str) -> Any:
    """What a `_target_` of `conf` stands for."""
    try:
        return instantiate(config)
    except HydraException as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise InputError(f"{place}: {_line(error)}") from None


def _deferred(config: Any, place: str) -> Callable[..., Any]:
    """A function that is called later, with keys that it is known to take."""
    made = _constructed(config, place)
    if not isinstance(made, partial):
        raise InputError(f"{place}: needs a _target_ and _partial_: true; got {config!r:.80}")
    refuse_unknown(place, "key", made.keywords, list(signature(made.func).parameters))
    # Hydra's own partial checks its target anew with every call, and a sampler is made for every hole of every trial.
    return partial(made.func, *made.args, **made.keywords)
