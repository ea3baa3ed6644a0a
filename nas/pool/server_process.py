"""The process that has imported everything once and forks a child per job; it runs nothing else.

Imports are safe to fork; work is not: after one parallel operation in this process, every child that uses
two threads would wait for ever for threads that were not forked with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

from nas.pool.child_process import Function, run_child
from nas.pool.guardian import Guardian
from nas.pool.messages import COMMAND, FORK, Broken, Ended, Forked, Ready


def serve(commands: int, news: int, function: str, preload: Sequence[str]) -> None:
    """Import, then fork on command until the driver closes `commands` or is gone; then end all children.

    `commands` is a socket to read, `news` a pipe to write (both file descriptors); `function` is a dotted
    name such as "nas.training.candidate:run".
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    guardian = Guardian(closed=(commands, news))
    driver = Connection(news, readable=False)
    try:
        target = _load(function, preload)
    except BaseException:
        driver.send(Broken(traceback.format_exc()))
        raise SystemExit(1) from None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # from here on there may be children to be ended first
    gc.collect()
    gc.freeze()  # children need not look through (and copy) the memory of what was imported
    server = _Server(socket.socket(fileno=commands), driver, target, guardian)
    try:
        driver.send(Ready())
        server.run()
    except BrokenPipeError:
        pass  # the driver is gone
    finally:
        server.end_children()
    os._exit(0)  # taking the interpreter and all its modules apart would only take time


def _load(function: str, preload: Sequence[str]) -> Function:
    for name in preload:
        importlib.import_module(name)
    module, _, attribute = function.partition(":")
    target: Function = getattr(importlib.import_module(module), attribute)
    if threading.active_count() > 1:
        names = [thread.name for thread in threading.enumerate()]
        raise RuntimeError(f"importing {[*preload, module]} started threads ({names}): not safe to fork")
    return target


class _Server:
    def __init__(self, commands: socket.socket, driver: Connection, function: Function, guardian: Guardian) -> None:
        self.commands = commands
        self.driver = driver
        self.function = function
        self.guardian = guardian
        self.children: dict[int, int] = {}  # number → process id
        self.child_ended, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing is written to the pipe
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([self.commands.fileno(), self.child_ended], [], [])
            if self.child_ended in ready:
                os.read(self.child_ended, 4096)
                self._reap()
            if self.commands.fileno() in ready:
                data, descriptors, _, _ = socket.recv_fds(self.commands, COMMAND.size, 2)
                if len(data) < COMMAND.size:  # the driver has closed its end or is gone
                    return
                number, what = COMMAND.unpack(data)
                if what == FORK:
                    self._fork(number, *descriptors)
                elif number in self.children:
                    _signal_group(self.children[number], what)

    def end_children(self) -> None:
        for pid in self.children.values():
            _signal_group(pid, signal.SIGKILL)
        for pid in self.children.values():
            os.waitpid(pid, 0)

    def _fork(self, number: int, pipe: int, log: int) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            os.close(pipe)
            os.close(log)
            self.driver.send(Ended(number, 1, f"no process could be made for it: {error}"))
            return
        if pid == 0:
            self._become_child(pipe, log)
        _make_group(pid)
        os.close(pipe)
        os.close(log)
        self.children[number] = pid
        self.driver.send(Forked(number, pid))

    def _become_child(self, pipe: int, log: int) -> None:
        try:
            _make_group(0)
            self.guardian.join()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self.commands.close()
            self.driver.close()
            os.close(self.child_ended)
            os.close(self._wake)
            run_child(self.function, pipe, log)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)  # never back into the server's loop

    def _reap(self) -> None:
        for number, pid in list(self.children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self.children[number]
                _signal_group(pid, signal.SIGKILL)  # what it left behind, such as loader workers
                self.guardian.forget(pid)
                self.driver.send(Ended(number, os.waitstatus_to_exitcode(status)))


def _make_group(pid: int) -> None:
    # Done by parent and child, because either may need it first; the second finds it done or the child gone.
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(pid, number)
