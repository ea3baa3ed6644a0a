"""Every candidate as a run in Weights & Biases, all of them owned by the process that drives the search."""

import os
import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from nas.tracking.plain import plain, safe_name

if TYPE_CHECKING:  # importing wandb takes most of a second: only a search that uses it pays
    from wandb import Run, Settings

Mode = Literal["online", "offline", "off"]

INTERRUPTED = 255  # the exit code that W&B itself gives a run ended by Ctrl-C
LOCAL_PATIENCE = 60.0  # seconds for W&B's own process offline: only a very busy machine needs them


class WandbTracker:
    """A `Tracker` that writes one W&B run per candidate, grouped by study.

    Online if W&B finds credentials without asking for them (environment, netrc, its settings), else offline below
    ``folder/wandb``; ``WANDB_MODE``, ``WANDB_PROJECT`` and ``WANDB_ENTITY`` are obeyed. A run's id follows from
    `identity` (unique to the study) and the trial's number, so that a candidate that goes on continues its own run.
    Trouble is told once, in a line, through `warn`; from then on runs are kept offline. No call takes more than
    a few times `patience` seconds, however slow the server.
    """

    def __init__(
        self,
        study: str,
        identity: str,
        folder: Path,
        *,
        project: str = "inception-nas",
        patience: float = 15.0,
        warn: Callable[[str], None],
    ) -> None:
        self._group = safe_name(study)
        self._identity = sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]
        self._folder = folder
        self._project = safe_name(project)
        self._patience = patience
        self._warn = warn
        self._told = False
        self._mode: Mode | None = None  # decided when the first candidate starts
        self._logged_in = False
        self._page: str | None = None
        self._tags: tuple[str, ...] = ()
        self._owns_service = False
        self._leave_server = Event()
        self._configs: dict[int, dict[str, object]] = {}  # of the candidates in flight
        self._runs: dict[int, Run] = {}

    def start(self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object]) -> None:
        if self._mode is None:
            self._mode = self._connect()
        if self._mode != "off":
            self._configs[number] = plain({**parameters, **facts})
            self._attempt(number, self._open)

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        self._attempt(number, lambda number: self._runs[number].log(plain(metrics), step=epoch, commit=True))

    def finish(self, number: int, state: str, summary: Mapping[str, object]) -> None:
        self._end(number, state, summary, exit_code=int(state == "failed"))

    def close(self) -> None:
        for number in list(self._configs):
            self._end(number, "interrupted", {}, exit_code=INTERRUPTED)
        if self._owns_service:
            self._stop_service()

    def where(self) -> str | None:
        match self._mode:
            case None | "off":
                return None
            case "online":
                return self._page and f"W&B: {self._page}"
            case "offline":
                login = "" if self._logged_in else "wandb login && "
                online = "--include-online " if self._page else ""
                runs = shlex.quote(str(self._folder / "wandb"))
                return f"W&B: the runs are kept on disk; to upload them: {login}wandb sync {online}{runs}"

    def hurry(self) -> None:
        """Wait for the server no more: the next call goes offline. May be called from another thread."""
        self._leave_server.set()

    def _connect(self) -> Mode:
        # Before the first import: W&B reports its own crashes to its makers unless it is told not to.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb

            settings = self._start_service()
            self._project = settings.project or self._project
            self._tags = settings.run_tags or ()
        except Exception as error:
            self._tell(f"W&B cannot be used and is off: {_line(error)}")
            return "off"
        match settings.mode:
            case "disabled":
                return "off"
            case "offline" | "dryrun":
                return "offline"
        try:
            self._logged_in = wandb.login(prompt=False, verify=False)
        except wandb.Error as error:
            self._tell(f"W&B stays offline: {_line(error)}")
            return "offline"
        if not self._logged_in and "WANDB_MODE" in os.environ:
            self._tell(f"W&B stays offline: WANDB_MODE={settings.mode}, but nobody is logged in (wandb login)")
        return "online" if self._logged_in else "offline"

    def _start_service(self) -> "Settings":
        """Start W&B's own process, silent and without anything that a candidate does not need."""
        import wandb

        self._owns_service = "WANDB_SERVICE" not in os.environ
        wandb.termsetup(wandb.Settings(silent=True), self)
        settings = wandb.setup(
            wandb.Settings(
                silent=True,
                quiet=True,
                console="off",
                symlink=False,
                use_dot_wandb=False,
                disable_git=True,
                disable_code=True,
                save_code=False,
                label_disable=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_disable_viewer=True,
                x_save_requirements=False,
                x_transaction_log_flush_interval=1.0,  # seconds of records that a killed search may lose
                finish_timeout_raises=True,
                stop_fn=_ignore_stop,
            )
        ).settings
        wandb.termsetup(settings, self)  # loading the settings undid the first one
        return settings

    def _stop_service(self) -> None:
        import wandb

        with suppress(Exception):  # a service that died cannot be stopped
            wandb.teardown()
        os.environ.pop("WANDB_SERVICE", None)

    def _attempt(self, number: int, act: Callable[[int], None]) -> None:
        """Do `act` for a candidate in flight; if W&B cannot, once more offline; if not even so, leave it out."""
        if self._mode == "online" and self._leave_server.is_set():
            self._go_offline("the server is too slow or refuses data")
        if number not in self._configs:
            return
        try:
            act(number)
        except Exception as error:
            if self._mode == "online":
                self._go_offline(_line(error))
                self._attempt(number, act)
            else:
                self._tell(f"W&B misses trial {number}: {_line(error)}")
                self._forget(number)

    def _open(self, number: int) -> None:
        if number not in self._runs:
            self._runs[number] = self._init(number)

    def _init(self, number: int) -> "Run":
        import wandb

        online = self._mode == "online"
        patience = self._patience if online else LOCAL_PATIENCE
        run = wandb.init(
            project=self._project,
            dir=str(self._folder.absolute()),
            id=f"{self._identity}-{number}",
            name=f"trial-{number:04d}",
            group=self._group,
            job_type="candidate",
            config=self._configs[number],
            mode="online" if online else "offline",
            reinit="create_new",
            resume="allow",
            settings=wandb.Settings(init_timeout=patience, finish_timeout=patience),
        )
        if online:
            self._page = f"{run.project_url}/groups/{quote(self._group, safe='')}"
        return run

    def _end(self, number: int, state: str, summary: Mapping[str, object], exit_code: int) -> None:
        def end(number: int) -> None:
            run = self._runs[number]
            run.tags = (*self._tags, state)
            run.summary.update(plain({**summary, "state": state}))
            run.finish(exit_code=exit_code)

        self._attempt(number, end)
        self._forget(number)

    def _forget(self, number: int) -> None:
        self._runs.pop(number, None)
        self._configs.pop(number, None)

    def _go_offline(self, reason: str) -> None:
        """Go on with the candidates in flight in offline runs of the same ids.

        W&B's service keeps the id of a run, even of one that could not be opened, until it is stopped. Runs that were
        online leave what they had on disk; ``wandb sync`` joins the parts of a run in the order of their beginnings.
        """
        self._tell(f"W&B goes on offline: {reason}")
        self._mode = "offline"
        with ThreadPoolExecutor(max(1, len(self._runs))) as pool:  # each may take all of the patience
            pool.map(_abandon, self._runs.values())
        self._runs.clear()
        self._stop_service()
        try:
            self._start_service()
        except Exception:
            self._mode = "off"
            self._configs.clear()
        for number in list(self._configs):
            self._attempt(number, self._open)

    def _tell(self, message: str) -> None:
        if not self._told:
            self._warn(message)
        self._told = True

    # W&B's messages to the terminal come here. Only one kind matters: data that did not reach the server is not an
    # exception in W&B but a message that recommends `wandb sync`.

    def info(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        if "wandb sync" in message:
            self._leave_server.set()

    def error(self, message: str) -> None:
        self.warning(message)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _abandon(run: "Run") -> None:
    with suppress(Exception):
        run.finish(exit_code=INTERRUPTED)


def _ignore_stop() -> None:
    """W&B's stop button would otherwise interrupt the whole search as Ctrl-C does."""
