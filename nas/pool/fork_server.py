"""The driver's side of a fork server: start it, ask it for children, end it.

Why not `multiprocessing`'s own: there is one per program; it swallows the errors of preloaded imports, so
that children are slow and nobody knows why; in Python 3.11 it loses the driver's `sys.path`; it runs the main
script again in every child; it starts a resource tracker that can outlive the driver; and its parts are
private and differ between Python versions. This one needs documented calls only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import Pipe

from nas.pool.messages import COMMAND, FORK

END_SECONDS = 10.0  # a fork server gets this long to end its children and itself


class PoolError(RuntimeError):
    """The pool itself cannot work: what children need could not be imported."""


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that hold numerical libraries to `threads` threads each.

    OpenBLAS (NumPy's and SciPy's, not torch's on x86) always gets one: it starts its threads on import, and
    the server must have none of its own when it forks.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {**dict.fromkeys(names, str(threads)), "OPENBLAS_NUM_THREADS": "1"}


class ForkServer:
    """A running fork server. The constructor returns at once; its imports go on beside the driver's work.

    `news` is the connection on which `nas.pool.messages.News` arrive; who reads `Ready` there sets `ready`.
    """

    def __init__(self, function: str, *, preload: Sequence[str], threads: int) -> None:
        self.ready = False
        self.news, news = Pipe(duplex=False)
        self._commands, commands = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  (the server's own; closed with it)
        here = os.getcwd()
        arguments = (commands.fileno(), news.fileno(), function, list(preload))
        # sys.path comes first: a source checkout is importable only through the driver's own.
        code = (
            f"import sys; sys.path[:] = {[path or here for path in sys.path]!r}; "
            f"from nas.pool.server_process import serve; serve(*{arguments!r})"
        )
        with commands, news:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=arguments[:2],
                # Importing must not touch a GPU: its driver's state does not survive a fork.
                env={**os.environ, **thread_limits(threads), "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
                start_new_session=True,  # Ctrl-C in the terminal reaches the driver alone
            )

    def fork(self, number: int, pipe: int, log: int) -> None:
        """Ask for a child that talks over `pipe` and writes to `log`; the caller closes both descriptors.

        `number` names it from here on and is never used again.
        """
        self._send(number, FORK, pipe, log)

    def signal(self, number: int, what: int) -> None:
        """Send a signal to a child and all it has started; does nothing if they have ended."""
        self._send(number, what)

    def end(self) -> str:
        """End the server and its children, at once and for certain; returns how the server ended."""
        self.news.close()
        self._commands.close()  # makes it end its children, then itself
        self._process.terminate()  # ends it while it imports and would not look; ignored afterwards
        try:
            exit_code = self._process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children see to their own end
            exit_code = self._process.wait()
        self._output.seek(0)
        text = self._output.read().decode(errors="replace").strip()
        self._output.close()
        return "\n".join([how_it_ended(exit_code), *text.splitlines()[-20:]])

    def _send(self, number: int, what: int, *descriptors: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # a server that is gone is noticed by the end of its news
            socket.send_fds(self._commands, [COMMAND.pack(number, what)], descriptors)


def how_it_ended(exit_code: int) -> str:
    """An exit code in words.

    >>> how_it_ended(-11)
    'killed by signal 11 (SIGSEGV)'
    """
    if exit_code >= 0:
        return f"ended with exit code {exit_code} and without a result"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:  # real-time signals have no names
        name = "no name"
    hint = "; the system does this when memory runs out" if -exit_code == signal.SIGKILL else ""
    return f"killed by signal {-exit_code} ({name}{hint})"
