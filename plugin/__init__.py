"""The service: what happens and when. It alone reads the environment, the clock and the database."""

import os

THREADS_SET = "OMP_NUM_THREADS" in os.environ
"""Whether the administrator says how many threads compute."""

# PyTorch would take every core of the host, and its threads spin at barriers: beside a busy neighbour or in a container
# with less than the whole host, one of them has no core and the rest wait, several times slower than one thread alone.
# A night's spectra are seconds of work. Stands before PyTorch loads OpenMP; what the administrator sets wins.
os.environ.setdefault("OMP_NUM_THREADS", "1")
