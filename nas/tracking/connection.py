"""W&B's own process and the user's account: found without asking anybody, silent, and ended with the search."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # importing wandb takes most of a second: only a search that uses it pays
    from wandb import Settings

Mode = Literal["online", "offline", "off"]


@dataclass
class Connection:
    """Online if W&B finds credentials without asking for them (environment, netrc, its settings), else offline.

    ``WANDB_MODE``, ``WANDB_PROJECT`` and ``WANDB_ENTITY`` are obeyed. `warn` gets a line for the first trouble alone.
    """

    folder: Path  # W&B's of the study
    warn: Callable[[str], None]
    project: str
    mode: Mode | None = None  # None before `open`
    logged_in: bool = False
    server: str = ""
    entity: str = ""  # if one is set
    tags: tuple[str, ...] = ()  # that the user wants at every run
    leave: Event = field(default_factory=Event)  # set when the server is to be waited for no more
    _told: bool = False
    _owns_service: bool = False
    _owns_data: bool = False

    @property
    def place(self) -> str:
        """Of the project."""
        return f"{self.server}/{self.entity}/{self.project}"

    def open(self) -> Mode:
        """Starts W&B's process, and decides on the mode."""
        self.mode = self._opened()
        return self.mode

    def go_offline(self) -> Mode:
        """W&B's process keeps the id of a run, even of one that could not be opened, until it is ended."""
        self.close()
        try:
            self._start_service()
            self.mode = "offline"
        except Exception:
            self.mode = "off"
        return self.mode

    def close(self) -> None:
        if self._owns_data:
            os.environ.pop("WANDB_DATA_DIR", None)
            self._owns_data = False
        if not self._owns_service:
            return
        import wandb  # here, as it takes most of a second

        with suppress(Exception):  # a process that died cannot be ended
            wandb.teardown()
        os.environ.pop("WANDB_SERVICE", None)

    def tell(self, message: str) -> None:
        if not self._told:
            self.warn(message)
        self._told = True

    def _opened(self) -> Mode:
        # Before the first import: W&B reports its own crashes to its makers unless it is told not to.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb  # here, as it takes most of a second

            settings = self._start_service()
            self.project = settings.project or self.project
            self.tags = tuple(settings.run_tags or ())
            self.server, self.entity = settings.base_url, settings.entity or ""
        except Exception as error:
            self.tell(f"W&B cannot be used and is off: {line(error)}")
            return "off"
        match settings.mode:
            case "disabled":
                return "off"
            case "offline" | "dryrun":
                return "offline"
        try:
            self.logged_in = wandb.login(prompt=False, verify=False)
        except wandb.Error as error:
            self.tell(f"W&B stays offline: {line(error)}")
            return "offline"
        if not self.logged_in and "WANDB_MODE" in os.environ:
            self.tell(f"W&B stays offline: WANDB_MODE={settings.mode}, but nobody is logged in (wandb login)")
        return "online" if self.logged_in else "offline"

    def _start_service(self) -> "Settings":
        """Start W&B's own process, silent and without anything that a candidate does not need."""
        import wandb  # here, as it takes most of a second

        self._owns_service = "WANDB_SERVICE" not in os.environ
        self._owns_data = "WANDB_DATA_DIR" not in os.environ
        if self._owns_data:  # what tables hold would be kept in the user's home
            os.environ["WANDB_DATA_DIR"] = str(self.folder.absolute())
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

    # W&B's messages to the terminal come here. Only one kind matters: data that did not reach the server is not an
    # exception in W&B but a message that recommends `wandb sync`.

    def info(self, message: str) -> None:
        pass

    def warning(self, message: str) -> None:
        if "wandb sync" in message:
            self.leave.set()

    def error(self, message: str) -> None:
        self.warning(message)


def line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _ignore_stop() -> None:
    """W&B's stop button would otherwise interrupt the whole search as Ctrl-C does."""
