"""A study's journal opens in optuna-dashboard as it is."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from report_parts import studied

PATIENCE = 120.0


def answered(url: str, server: subprocess.Popen[bytes]) -> Any:
    """What the server says, once it is there."""
    began = time.monotonic()
    while True:
        try:
            with urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except (URLError, ConnectionError):  # noqa: PERF203 - that is what is waited for
            assert server.poll() is None, "it has ended"
            assert time.monotonic() - began < PATIENCE, "it does not answer"
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("costs", [(), ("macs",)])
def test_the_journal_opens_in_optuna_dashboard_as_it_is(tmp_path: Path, costs: tuple[str, ...]) -> None:
    folder = studied(tmp_path / "tiny", 16, costs=costs)
    before = (folder / "journal.log").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "from optuna_dashboard._cli import main; main()"
    arguments = [str(folder / "journal.log"), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        (summary,) = answered(f"http://127.0.0.1:{port}/api/studies", server)["study_summaries"]
        assert summary["study_name"] == "tiny"
        study = answered(f"http://127.0.0.1:{port}/api/studies/{summary['study_id']}?after=0", server)
    finally:
        server.terminate()
        server.wait(timeout=30)
    states = [trial["state"] for trial in study["trials"]]
    assert (states.count("Complete"), states.count("Pruned"), states.count("Fail")) == (10, 4, 2)
    assert len(study["trials"][0]["values"]) == 1 + len(costs)
    assert {parameter["name"] for parameter in study["trials"][0]["params"]} >= {"network.body.width"}
    assert (folder / "journal.log").read_bytes() == before
