"""Quality control on real spectra: good ones must pass."""

import os
from collections import Counter
from pathlib import Path

import pytest

from iris_client.files.spectra import read_spectra
from iris_client.quality.control import QualityRules, examine

DATA = os.environ.get("ASTRANET_DATA_DIR")


@pytest.mark.skipif(not DATA, reason="ASTRANET_DATA_DIR is not set: no real spectra")
def test_real_spectra_with_enough_coverage_pass() -> None:
    import pyarrow.parquet as pq

    path = Path(DATA or "") / "spectra" / "spectra_pool.parquet"
    wanted = pq.read_table(path, columns=["main_set"])["main_set"].to_pylist()[:1500]
    counts: Counter[tuple[bool, str]] = Counter()
    for raw, main in zip(read_spectra(path), wanted, strict=False):
        found = examine(raw, QualityRules(min_coverage=0.8))  # the rule by which the main set was chosen
        counts[main, str(next((c.code for c in found.caveats if c.refuses), "ok"))] += 1
    good, all_good = counts[True, "ok"], sum(n for (main, _), n in counts.items() if main)
    assert all_good > 800
    assert good / all_good >= 0.985, counts
    assert {code for main, code in counts if not main} <= {"low_coverage", "ok"}
    assert counts[False, "ok"] <= 2
