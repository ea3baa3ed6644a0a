"""A search in Weights & Biases: every candidate a run of one sweep, all owned by the process that drives the search."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING
from urllib.parse import quote

from nas.tracking.connection import Connection, line
from nas.tracking.creation import Created, create, described, keep, recall
from nas.tracking.offline import last_step
from nas.tracking.tracker import About, Draw, Picture, Tracker
from nas.tracking.values import label, media, plain, safe_name, scratch

if TYPE_CHECKING:
    from wandb import Run

PROJECT = "inception-nas"  # unless the user has another one set
INTERRUPTED = 255  # the exit code that W&B itself gives a run ended by Ctrl-C
LOCAL_PATIENCE = 60.0  # seconds for W&B's own process offline: only a very busy machine needs them
CREATION_PATIENCE = 60.0  # for what another process does, while nobody waits
STUDY = -1
"""Stands for the run of the study where others have a candidate's number."""

INACTIVE, NULL = "inactive", "null"
"""In a run's configuration: a parameter that the candidate does not have, and one that is null."""


@dataclass
class _Open:
    """A run that has begun and not ended: what W&B opens and has opened, and what draws it until that is done."""

    number: int
    name: str
    job_type: str
    config: dict[str, object]
    draw: Draw | None = None
    run: "Run | None" = None
    written: int = -1  # the last step that an earlier part of the run holds

    def picture(self) -> dict[str, Picture]:
        """The candidate's picture, once for a run, and not if an earlier part of the run has it."""
        draw, self.draw = self.draw, None
        picture = draw() if draw is not None and self.written < 0 else None
        return {} if picture is None else {"cell": picture}


@dataclass
class WandbTracker(Tracker):
    """Writes one W&B run per candidate and one for the study, as a group, and as a sweep if online.

    See `Connection` for when that is. Offline, runs are kept below ``folder/wandb``. A run's id follows from the
    study's identity and the trial's number, so that a candidate that goes on continues its own run. Trouble is told
    once, in a line, through `warn`; from then on runs are kept offline. No call takes more than a few times `patience`
    seconds, however slow the server.
    """

    about: About
    warn: Callable[[str], None]
    patience: float = 15.0
    _link: Connection = field(init=False)
    _group: str = field(init=False)
    _page: str | None = None
    _best: Mapping[str, Path] = field(default_factory=dict)
    _created: Created = field(default_factory=Created)
    _open: dict[int, _Open] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._group = safe_name(self.about.study)
        self._link = Connection(self._folder, self.warn, PROJECT)

    @property
    def _folder(self) -> Path:
        return self.about.folder / "wandb"

    def start(
        self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object], draw: Draw | None = None
    ) -> None:
        if self._link.mode is None:
            self._begin()
        if self._link.mode != "off":
            sampled = {**dict.fromkeys(self.about.parameters, INACTIVE), **parameters}
            shown = {label(name): NULL if value is None else value for name, value in sampled.items()}
            self._open_run(_Open(number, f"trial-{number:04d}", "candidate", plain({**shown, **facts}), draw))

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        if own := self._open.get(number):
            self._log(own, epoch, {**metrics, **own.picture()})

    def finish(self, number: int, state: str, summary: Mapping[str, object], marks: Sequence[str] = ()) -> None:
        self._end(number, (state, *marks), {**summary, "state": state}, exit_code=int(state == "failed"))

    def stand(self, ended: int, values: Callable[[], Mapping[str, object]]) -> None:
        if own := self._open.get(STUDY):
            self._log(own, ended, values())

    def best(self, number: int, files: Callable[[], Mapping[str, bytes | Path]], facts: Mapping[str, object]) -> None:
        if own := self._open.get(STUDY):
            made = self._kept(number, files())
            if made != self._best:
                self._attempt(own, lambda run: self._log_artifact(run, made, plain({"trial": number, **facts})))
            self._best = made

    def conclude(self, values: Callable[[], Mapping[str, object]]) -> None:
        if own := self._open.get(STUDY):
            made = values()

            def sum_up(run: "Run") -> None:
                with scratch(self._folder) as folder:
                    run.summary.update(media(made, Path(folder)))

            self._attempt(own, sum_up)

    def close(self) -> None:
        for number in list(self._open):
            if number != STUDY:
                self._end(number, ("interrupted",), {"state": "interrupted"}, exit_code=INTERRUPTED)
        self._end(STUDY, (), {}, exit_code=0)
        self._link.close()

    def where(self) -> str | None:
        match self._link.mode:
            case "online":
                workspace = self._created.workspace and f" (workspace: {self._created.workspace})"
                return self._page and f"W&B: {self._page}{workspace or ''}"
            case "offline":
                login = "" if self._link.logged_in else "wandb login && "
                online = "--include-online " if self._page else ""
                runs, study = shlex.quote(str(self._folder)), shlex.quote(str(self.about.folder))
                return (
                    f"W&B: the runs are kept on disk; to upload them: {login}wandb sync {online}{runs}\n"
                    f"     (or python -m nas sync {study}, which makes a sweep and a workspace of them)"
                )
        return None

    def hurry(self) -> None:
        """Wait for the server no more: the next call goes offline. May be called from another thread."""
        self._link.leave.set()

    def _begin(self) -> None:
        """Opens the run of the study, and the sweep if there is none yet."""
        if self._link.open() == "off":
            return
        spec = described(self.about)
        self._created = recall(self._folder, self._link.place)
        own = _Open(STUDY, self._group, "search", plain({**self.about.settings, "sweep": spec}))
        self._open_run(own)
        if own.run is None or self._link.mode != "online":
            return
        run = own.run
        if self._created.sweep is None:
            made = create(spec, self._group, run.entity, run.project, (), CREATION_PATIENCE, self._link.leave)
            if made.problem:
                self._link.tell(f"W&B has not all of the study: {made.problem}")
            self._created = keep(self._folder, self._link.place, made)
        if self._created.sweep is not None:
            self._page = f"{run.project_url}/sweeps/{self._created.sweep}"

    def _id(self, number: int) -> str:
        identity = sha256(self.about.identity.encode("utf-8", "replace")).hexdigest()[:16]
        return f"{identity}-study{self.about.part}" if number == STUDY else f"{identity}-{number}"

    def _attempt(self, own: _Open, act: Callable[["Run"], None]) -> None:
        """Do `act` with a run that is open; if W&B cannot, once more offline; if not even so, leave the run out."""
        if self._link.mode == "online" and self._link.leave.is_set():
            self._go_offline("the server is too slow or refuses data")
        if own.number not in self._open:
            return
        try:
            if own.run is None:
                own.run = self._begun(own)
            act(own.run)
        except Exception as error:
            if self._link.mode == "online":
                self._go_offline(line(error))
                self._attempt(own, act)
            else:
                what = "the study" if own.number == STUDY else f"trial {own.number}"
                self._link.tell(f"W&B misses {what}: {line(error)}")
                self._open.pop(own.number, None)

    def _open_run(self, own: _Open) -> None:
        self._open[own.number] = own
        self._attempt(own, lambda run: None)

    def _begun(self, own: _Open) -> "Run":
        import wandb  # here, as it takes most of a second

        online = self._link.mode == "online"
        patience = self.patience if online else LOCAL_PATIENCE
        if not online:
            own.written = last_step(self._folder, self._id(own.number))
        run = wandb.init(
            project=self._link.project,
            dir=str(self.about.folder.absolute()),
            id=self._id(own.number),
            name=own.name,
            group=self._group,
            job_type=own.job_type,
            config=own.config,
            mode="online" if online else "offline",
            reinit="create_new",
            resume="allow",
            settings=wandb.Settings(
                init_timeout=patience,
                finish_timeout=patience,
                sweep_id=None if own.number == STUDY else self._created.sweep,
            ),
        )
        if online and self._page is None:
            self._page = f"{run.project_url}/groups/{quote(self._group, safe='')}"
        return run

    def _log(self, own: _Open, step: int, values: Mapping[str, object]) -> None:
        def log(run: "Run") -> None:
            if step > own.written:
                with scratch(self._folder) as folder:
                    run.log(media(values, Path(folder)), step=step, commit=True)

        self._attempt(own, log)

    def _kept(self, number: int, files: Mapping[str, bytes | Path]) -> dict[str, Path]:
        """The files at paths where they stay as they are: offline, W&B reads them only when they are uploaded."""
        digest = sha256()
        for content in files.values():
            digest.update(content.read_bytes() if isinstance(content, Path) else content)
        folder = self._folder / "best" / f"{number:04d}-{digest.hexdigest()[:8]}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if isinstance(content, bytes):
                (folder / name).write_bytes(content)
            elif not (folder / name).exists():
                _link(content, folder / name)
        return {name: folder / name for name in files}

    def _log_artifact(self, run: "Run", files: Mapping[str, Path], facts: Mapping[str, object]) -> None:
        import wandb  # here, as it takes most of a second

        name = re.sub(r"[^A-Za-z0-9_.-]", "-", self._group)[:100]
        artifact = wandb.Artifact(f"{name}-{self._id(STUDY)[:6]}", "architecture", metadata=dict(facts))
        for file, path in files.items():
            artifact.add_file(str(path.absolute()), name=file, policy="immutable", skip_cache=True)
        run.log_artifact(artifact, aliases=["best"])

    def _end(self, number: int, tags: tuple[str, ...], summary: Mapping[str, object], exit_code: int) -> None:
        own = self._open.get(number)
        if own is None:
            return
        if picture := own.picture():  # nothing has been reported
            self._log(own, 0, picture)

        def end(run: "Run") -> None:
            run.tags = (*self._link.tags, *tags)
            run.summary.update(plain(summary))
            run.finish(exit_code=exit_code)

        self._attempt(own, end)
        self._open.pop(number, None)

    def _go_offline(self, reason: str) -> None:
        """Go on with what is open in offline runs of the same ids.

        Runs that were online leave what they had on disk; ``wandb sync`` joins the parts of a run in the order of their
        beginnings.
        """
        self._link.tell(f"W&B goes on offline: {reason}")
        runs = [own.run for own in self._open.values() if own.run is not None]
        with ThreadPoolExecutor(max(1, len(runs))) as pool:  # each may take all of the patience
            pool.map(_abandon, runs)
        for own in self._open.values():
            own.run = None
        if self._link.go_offline() == "off":
            self._open.clear()
        for own in list(self._open.values()):
            self._open_run(own)


def _link(file: Path, path: Path) -> None:
    """Weights are large and are written once: one file under two names will do, where that can be."""
    try:
        path.hardlink_to(file)
    except OSError:
        copyfile(file, path)


def _abandon(run: "Run") -> None:
    with suppress(Exception):
        run.finish(exit_code=INTERRUPTED)
