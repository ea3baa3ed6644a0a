"""Results and failures as the driver reads them."""

import pickle
import subprocess
import sys

from nas.training.recipe import METRIC
from nas.training.result import NotFinite, Result


def result() -> Result:
    history = ({METRIC: 0.2, "val/loss": 2.0}, {METRIC: 0.5, "val/loss": 1.0})
    return Result(history=history, seconds=1.5, pruned=False, device="cpu", threads=1)


def test_value_and_metrics_are_those_of_the_last_epoch():
    assert result().value == 0.5
    assert result().metrics == {METRIC: 0.5, "val/loss": 1.0}
    assert result().epochs == 2


def test_a_result_and_a_failure_are_unpickled_without_torch(tmp_path):
    file = tmp_path / "result"
    file.write_bytes(pickle.dumps((result(), NotFinite("the training loss of epoch 1 is nan"))))
    script = (
        "import pickle, sys\n"
        f"result, failure = pickle.load(open({str(file)!r}, 'rb'))\n"
        "assert result.value == 0.5 and 'epoch 1' in str(failure)\n"
        "from nas.training.recipe import Training\n"
        "assert 'torch' not in sys.modules and 'pytorch_lightning' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
