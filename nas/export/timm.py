"""The file that makes an exported network one of timm's, to be created by name."""

import re
from keyword import iskeyword

from nas.export.layout import dictionary, lines, literal
from nas.export.source import Source

TEXT = '''"""Makes the network one of timm's: import this file, then timm.create_model("{name}")."""

from timm.models import register_model

from network import Network, load

{config}


@register_model
def {name}(
    pretrained=False, pretrained_cfg=None, pretrained_cfg_overlay=None, cache_dir=None
):
    """With `pretrained`, it has the weights in weights.pt beside network.py."""
    network = load() if pretrained else Network()
    network.pretrained_cfg = CONFIG
    network.num_classes = CONFIG["num_classes"]
    return network
'''


def timm_source(source: Source) -> str:
    config: dict[str, object] = {"num_classes": source.classes, "input_size": tuple(source.shape)}
    if (known := source.preprocessing) is not None:
        config |= {"mean": known.mean, "std": known.std, "interpolation": "bicubic"}
        config |= {"crop_pct": 1.0, "crop_mode": {"crop": "center", "stretch": "squash", "pad": "border"}[known.fit]}
    written = lines(dictionary([(key, literal(value)) for key, value in config.items()]), before="CONFIG = ")
    return TEXT.format(name=identifier(source.name), config="\n".join(written))


def identifier(name: str) -> str:
    """A name for a function and a model of timm's, from any text."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "network"
    return f"net_{word}" if word[0].isdigit() or iskeyword(word) or word in ("load", "register_model") else word
