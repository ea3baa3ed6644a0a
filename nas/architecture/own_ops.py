"""Ops of your own: registered from your own module, which `imports=[...]` has imported; see docs/extending.md."""

import importlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import is_dataclass

from nas.architecture import fields as f
from nas.architecture.ops import KINDS, OPS, Op
from nas.architecture.parse import forget_cells
from nas.errors import InputError

LAYERS_OF: dict[type[Op], str] = {}
"""Where the module of a registered op is made, as `package.module:function`."""


def register(kind: str, op: type[Op], layer: str | None = None) -> None:
    """Adds `op` to the language, called `kind` in documents.

    `layer` names the function `(op, shape) -> nn.Module` that makes its module. It is imported where networks are
    built, so that nothing else has to import torch; None is for an op whose `concrete` gives other ops.

    Raises:
        InputError: the kind cannot be a name or is taken, the class is no op, or the layer is no dotted name.
    """
    place = f"register({kind!r})"
    f.name(kind, place)
    if not (isinstance(op, type) and issubclass(op, Op) and is_dataclass(op)):
        raise InputError(f"{place}: expected a frozen dataclass derived from nas.architecture.ops.Op; got {op!r}")
    there = OPS.get(kind, op)
    if (there.__module__, there.__qualname__) != (op.__module__, op.__qualname__):
        raise InputError(f"{place}: there is an op of this name already ({there.__module__}.{there.__qualname__})")
    if layer is not None and not re.fullmatch(r"\w+(\.\w+)*:\w+", layer):
        raise InputError(f"{place}: layer is written package.module:function; got {layer!r}")
    OPS[kind] = op
    KINDS[op] = kind
    forget_cells()
    if layer is not None:
        LAYERS_OF[op] = layer


def import_own(modules: Sequence[str], place: str = "imports") -> None:
    """Imports modules of the user's, which may lie in the current directory. Raises `InputError` if that fails."""
    if not isinstance(modules, list | tuple) or not all(isinstance(name, str) for name in modules):
        raise InputError(f"{place}: expected a list of modules, such as [my_ops]; got {modules!r:.80}")
    if modules and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # children of a search take the path over
    for name in modules:
        _import(name, place)


def _import(name: str, place: str) -> None:
    try:
        importlib.import_module(name)
    except InputError:
        raise
    except Exception as error:  # whatever the user's code does
        raise InputError(f"{place}: cannot import {name!r} ({type(error).__name__}: {error})") from error
