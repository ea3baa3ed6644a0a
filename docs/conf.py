"""The site of README and these pages: `sphinx-build -W -c docs . FOLDER` from the root; links are as in the files."""

import re

from sphinx.application import Sphinx

project = "inception-nas"
author = "the authors of inception-nas"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/**.md"]
exclude_patterns = [".*", "build", "dist", "nas", "search_spaces", "studies", "tests", "wandb"]  # not looked into
myst_heading_anchors = 3
html_theme = "furo"
html_title = "inception-nas"
html_copy_source = False


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The site's contents are the links of the index, section by section; a page that it does not name is an error."""
    if page != root_doc:
        return
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        found = re.findall(r"\[([^]]+)\]\(([^)#:]+\.md)\)", section)
        links = "\n".join(f"{title} <{file}>" for title, file in found)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {section.splitlines()[0]}\n\n{links}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
