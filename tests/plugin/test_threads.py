"""How many threads PyTorch takes is settled before PyTorch is there."""

import os
import subprocess
import sys

SCRIPT = (
    "import plugin, os, sys; assert 'torch' not in sys.modules; import torch; "
    "print(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
)


def printed(**settings: str) -> list[str]:
    """The variable and what PyTorch takes, in a fresh interpreter without the variables of this one."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=clean | settings, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_one_thread_unless_told() -> None:
    assert printed() == ["1", "1"]
    assert printed(OMP_NUM_THREADS="2")[0] == "2"
