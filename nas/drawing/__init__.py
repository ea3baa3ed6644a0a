"""Pictures and tables of architectures."""

from nas.drawing.picture import draw, png
from nas.drawing.table import table

__all__ = ["draw", "png", "table"]
