"""From the command line to a configuration: Hydra composes, after the space's files have been checked.

Values of documents (`search.architecture.…`, `search.training.…`, `training.…`, `architecture.…`) are set here and not
by Hydra: their paths are those of parameters, and a hole is replaced whole, where Hydra would merge two mappings.
"""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from nas.errors import InputError, unknown
from nas.space.groups import SpaceFile, space_files, space_names
from nas.space.holes import is_hole
from nas.space.paths import removed, replaced

SECTIONS = ("architecture", "training")
"""What a space may hold."""

KEYS = tuple("architecture data pool pruner sampler search study test tracking trainer training".split())
"""What a configuration holds."""


@dataclass(frozen=True)
class Edit:
    """One value of a document set from the command line; `removes` takes it out instead."""

    path: str
    value: Any
    removes: bool = False

    def apply(self, document: Mapping[str, Any]) -> Any:
        return removed(document, self.path) if self.removes else replaced(document, self.path, self.value)


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
    overrides = _parsed(arguments)
    edits, rest = _split(overrides)
    name = next((str(o.value()) for o in rest if o.key_or_group == "search"), None)
    with ExitStack() as stack:
        main = None
        if name is not None:
            rest, roots, name = _with_own_file(rest, name, stack)
            chosen = {
                o.key_or_group.removeprefix("search/"): str(o.value())
                for o in rest
                if o.key_or_group.startswith("search/")
            }
            main = space_files(name, roots, chosen)[0]
        options = _composed([o.input_line or "" for o in rest])
    _refuse_unknown("configuration", options, KEYS)
    search = options["search"]
    space = None
    if main is not None:
        space = {section: search.pop(section) for section in SECTIONS if section in search}
        space = _edited(_holes_whole(space, main), edits["search"])
        if "architecture" not in space:
            raise InputError(f"search {name}: a space has the key architecture; this one has {list(space)}")
    elif edits["search"]:
        raise InputError(f"{edits['search'][0].path}: there is no space without +search=NAME")
    _refuse_unknown("search", search, ("budget",))
    training = _edited({"training": options.pop("training") or {}}, edits["training"])["training"]
    return Configuration(
        options=options,
        space_name=name,
        space=space,
        architecture_edits=tuple(edits["architecture"]),
        training=training,
        data=_constructed(options["data"], "data"),
        sampler=_constructed(options["sampler"], "sampler"),
        pruner=_constructed(options["pruner"], "pruner"),
    )


def _parsed(arguments: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create()
    overrides = []
    for argument in arguments:
        try:
            (override,) = parser.parse_overrides([argument])
        except HydraException as error:
            raise InputError(f"{argument}: not an override such as study.trials=10: {_line(error)}") from None
        if override.is_sweep_override():
            raise InputError(f"{argument}: several values at once; a search fills holes, {{choice: [...]}}, instead")
        overrides.append(override)
    return overrides


def _split(overrides: Sequence[Override]) -> tuple[dict[str, list[Edit]], list[Override]]:
    """The edits of documents by what they change, and what is Hydra's."""
    edits: dict[str, list[Edit]] = {"search": [], "training": [], "architecture": []}
    rest = []
    for override in overrides:
        key = override.key_or_group
        inside_search = key.removeprefix("search.")
        if key.startswith("search.") and inside_search.split(".")[0] in SECTIONS:
            edits["search"].append(_edit(override, inside_search))
        elif key.startswith(("training.", "architecture.")):
            kind, _, path = key.partition(".")
            edits[kind].append(_edit(override, key if kind == "training" else path))
        else:
            rest.append(override)
    return edits, rest


def _edit(override: Override, path: str) -> Edit:
    return Edit(path, None if override.is_delete() else _plain(override.value()), override.is_delete())


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def _edited(document: Mapping[str, Any], edits: Sequence[Edit]) -> Any:
    for edit in edits:
        document = edit.apply(document)
    return document


def _with_own_file(overrides: list[Override], name: str, stack: ExitStack) -> tuple[list[Override], list[Path], str]:
    """Where `name` is the path of a YAML file, a folder on Hydra's path that has it, and its parts, as a space."""
    shipped = Path(str(files("search_spaces"))) / "search"
    if not name.endswith((".yaml", ".yml")):
        if any(o.key_or_group == "search" and not o.is_add() for o in overrides):
            raise InputError(f"search={name}: a space is added; write +search={name}")
        return overrides, [shipped], name
    own = Path(name).expanduser()
    if not own.is_file() or own.suffix != ".yaml":
        raise InputError(
            f"search: no file {name!r} (.yaml); spaces there are by name: {', '.join(space_names([shipped]))}"
        )
    roots = [own.parent, shipped]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    chosen = {
        o.key_or_group.removeprefix("search/"): str(o.value())
        for o in overrides
        if o.key_or_group.startswith("search/")
    }
    for file in space_files(own.stem, roots, chosen):
        copy = folder / "search" / file.relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.text, encoding="utf-8")
    lines = [
        f"hydra.searchpath=[file://{folder},pkg://search_spaces]",
        *(f"+search={own.stem}" if o.key_or_group == "search" else o.input_line or "" for o in overrides),
    ]
    return _parsed(lines), roots, own.stem


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
            parent, _, last = key[1].rpartition(".")
            with initialize_config_module("conf", version_base="1.3"):
                there = OmegaConf.select(compose("config"), parent) if parent else compose("config")
            return unknown(parent or "configuration", "key", last, there or [])
        case _:
            return InputError(_line(error))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _holes_whole(space: dict[str, Any], main: SpaceFile) -> dict[str, Any]:
    """The holes that the space's own file sets over its parts, unmerged: OmegaConf would add the options of both."""
    defaults = main.content.get("defaults", [])
    if not defaults or defaults[-1] != "_self_":
        return space
    return {key: _over(value, main.content.get(key)) for key, value in space.items()}


def _over(composed: Any, own: Any) -> Any:
    if is_hole(own):
        return own
    if isinstance(own, Mapping) and isinstance(composed, Mapping):
        return {key: _over(value, own.get(key)) for key, value in composed.items()}
    return composed


def _refuse_unknown(place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise unknown(place, "key", key, known)


def _constructed(config: Any, place: str) -> Any:
    """What a `_target_` of `conf` stands for."""
    try:
        return instantiate(config)
    except HydraException as error:
        raise InputError(f"{place}: {_line(error)}") from None
