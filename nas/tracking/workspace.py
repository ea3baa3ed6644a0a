"""A saved workspace of W&B's for the runs of a study: the panels that people want of a search."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

MOST = 1000
"""Runs that a plot shows; W&B shows ten unless it is told another number."""


def save(entity: str, project: str, group: str, spec: Mapping[str, Any]) -> str | None:
    """Saves the workspace on the server, and gives its address; None if the extra `wandb` is not installed.

    `spec` is the study as a sweep (see `creation.described`).
    """
    try:
        import wandb_workspaces.workspaces as ws
    except ImportError:
        return None
    workspace = made(entity, project, group, spec)
    assert isinstance(workspace, ws.Workspace)
    return str(workspace.save().url)


def made(entity: str, project: str, group: str, spec: Mapping[str, Any]) -> Any:
    """The workspace, for which nobody has been asked yet."""
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    sections = [
        ws.Section("Search", panels=list(_search(spec)), is_open=True),
        ws.Section("Candidates", panels=list(_candidates(spec)), is_open=True),
        ws.Section("Cells", panels=list(_cells()), is_open=True),
    ]
    return ws.Workspace(
        entity,
        project,
        f"search {_plain(group)}",
        sections=sections,
        settings=ws.WorkspaceSettings(max_runs=MOST, remove_legends_from_panels=True),
        runset_settings=ws.RunsetSettings(
            filters=[expr.Metric("Group") == group],
            order=[expr.Ordering(expr.Summary("value"), ascending=False)],
            pinned_columns=["summary:state", "summary:value", "config:parameters", "config:macs", "summary:cell"],
        ),
    )


def _search(spec: Mapping[str, Any]) -> Iterable[Any]:
    import wandb_workspaces.reports.v2 as wr

    yield wr.LinePlot(title="Best so far", y=["best/value"], title_x="proposals")
    yield wr.LinePlot(title="Hypervolume of the Pareto front", y=["front/hypervolume"], title_x="proposals")
    yield wr.LinePlot(title="Shares of proposals", metric_regex="rate/.*", title_x="proposals")
    yield wr.LinePlot(title="Utilisation of the slots", y=["utilisation"], range_y=(0.0, 1.0), title_x="proposals")
    yield wr.WeavePanelSummaryTable(table_name="front/table")


def _candidates(spec: Mapping[str, Any]) -> Iterable[Any]:
    import wandb_workspaces.reports.v2 as wr

    metric = str(spec["metric"]["name"])
    value = wr.SummaryMetric("value")
    columns = [wr.ParallelCoordinatesPlotColumn(wr.Config(name), display_name=name) for name in spec["parameters"]]
    last = wr.ParallelCoordinatesPlotColumn(value, display_name=metric)
    wide = wr.Layout(w=24, h=12)
    yield wr.ParallelCoordinatesPlot(title="Parameters", columns=[*columns, last], layout=wide)
    yield wr.ParameterImportancePlot(with_respect_to="value")
    for cost in ("parameters", "macs"):  # from left to right, the highest so far is the front
        yield wr.ScatterPlot(
            title=f"Accuracy against {cost}, with the front", x=wr.Config(cost), y=value, log_x=True, running_ymax=True
        )
    yield wr.LinePlot(title="Learning curves", y=[metric], title_x="epoch", max_runs_to_show=MOST)


def _cells() -> Iterable[Any]:
    import wandb_workspaces.reports.v2 as wr

    yield wr.WeavePanelSummaryTable(table_name="cells", layout=wr.Layout(w=24, h=12))
    yield wr.MediaBrowser(title="Cells", media_keys=["cell"], num_columns=3, layout=wr.Layout(w=24, h=12))


def _plain(text: str) -> str:
    """Without the symbols that names of workspaces may not have."""
    kept = "".join(" " if unicodedata.category(c).startswith(("S", "Cs")) else c for c in text)
    return " ".join(kept.split()) or "study"
