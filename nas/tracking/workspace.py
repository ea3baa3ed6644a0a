"""A saved workspace of W&B's for the runs of a study: the panels that people want of a search."""

import unicodedata
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

MOST = 1000
"""Runs that a plot shows; W&B shows ten unless it is told another number."""


def save(entity: str, project: str, group: str, spec: Mapping[str, Any]) -> str | None:
    """Saves the workspace on the server, and gives its address; None if the extra `wandb` is not installed.

    `spec` is the study as a sweep (see `creation.described`).
    """
    if find_spec("wandb_workspaces") is None:
        return None
    return str(made(entity, project, group, spec).save().url)


def made(entity: str, project: str, group: str, spec: Mapping[str, Any]) -> Any:
    """The workspace, for which nobody has been asked yet."""
    import wandb_workspaces.reports.v2 as wr  # here, as it may be missing
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    metric = str(spec["metric"]["name"])
    value = wr.SummaryMetric("value")
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(name), display_name=name) for name in spec["parameters"]]
    columns += [wr.ParallelCoordinatesPlotColumn(value, display_name=metric)]
    wide = wr.Layout(w=24, h=12)
    panels = {
        "Search": [
            wr.LinePlot(title="Best so far", y=["best/value"], title_x="proposals"),
            wr.LinePlot(title="Hypervolume of the Pareto front", y=["front/hypervolume"], title_x="proposals"),
            wr.LinePlot(title="Shares of proposals", metric_regex="rate/.*", title_x="proposals"),
            wr.LinePlot(title="Utilisation of the slots", y=["utilisation"], range_y=(0.0, 1.0), title_x="proposals"),
            wr.WeavePanelSummaryTable(table_name="front/table"),
        ],
        "Candidates": [
            wr.ParallelCoordinatesPlot(title="Parameters", columns=columns, layout=wide),
            wr.ParameterImportancePlot(with_respect_to="value"),
            *(  # from left to right, the highest so far is the front
                wr.ScatterPlot(
                    title=f"Accuracy against {title}, with the front",
                    x=wr.Config(cost),
                    y=value,
                    log_x=True,
                    running_ymax=True,
                )
                for cost, title in (("parameters", "parameters"), ("macs", "MACs"))
            ),
            wr.LinePlot(title="Learning curves", y=[metric], title_x="epoch", max_runs_to_show=MOST),
        ],
        "Cells": [
            wr.WeavePanelSummaryTable(table_name="cells", layout=wide),
            wr.MediaBrowser(title="Cells", media_keys=["cell"], num_columns=3, layout=wide),
        ],
    }
    return ws.Workspace(
        entity,
        project,
        f"search {_plain(group)}",
        sections=[ws.Section(name, panels=some, is_open=True) for name, some in panels.items()],
        settings=ws.WorkspaceSettings(max_runs=MOST, remove_legends_from_panels=True),
        runset_settings=ws.RunsetSettings(
            filters=[expr.Metric("Group") == group],
            order=[expr.Ordering(expr.Summary("value"), ascending=False)],
            pinned_columns=["summary:state", "summary:value", "config:parameters", "config:macs", "summary:cell"],
        ),
    )


def _plain(text: str) -> str:
    """Without the symbols that names of workspaces may not have."""
    kept = "".join(" " if unicodedata.category(c).startswith(("S", "Cs")) else c for c in text)
    return " ".join(kept.split()) or "study"
