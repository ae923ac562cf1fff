"""How many threads PyTorch takes is settled before PyTorch is there."""

import os
import subprocess
import sys

import pytest

SCRIPT = (
    "import plugin, os, sys; assert 'torch' not in sys.modules; import torch; "
    "print(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
)


def printed(script: str = SCRIPT, **settings: str) -> list[str]:
    """The words of a fresh interpreter without the variables of this one."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean | settings, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_one_thread_unless_told() -> None:
    assert printed() == ["1", "1"]
    assert printed(OMP_NUM_THREADS="2")[0] == "2"


@pytest.mark.parametrize(
    ("asked", "settings", "expected"),
    [(0, {}, str(os.cpu_count())), (0, {"OMP_NUM_THREADS": "1"}, "1"), (1, {"OMP_NUM_THREADS": "2"}, "1")],
)
def test_a_training_takes_every_core_unless_told(asked: int, settings: dict[str, str], expected: str) -> None:
    script = f"from plugin.lab.commands.common import take_threads; take_threads({asked}); import torch"
    assert printed(f"{script}; print(torch.get_num_threads())", **settings) == [expected]
