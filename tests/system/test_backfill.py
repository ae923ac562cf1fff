"""A marshal's archive over HTTP, by the command line: pulled, answered, shown, and posted once by the service."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plugin.sandbox import Sandbox
from tests.fakes.marshal import WAVES, good

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SOURCES = 4


def fill(sandbox: Sandbox) -> None:
    """Two spectra each, and one that is refused."""
    fluxes = np.array(good("1", "x").fluxes)
    for n in range(SOURCES):
        name = sandbox.add_source(f"ZTF26{n:03d}", redshift=0.03 if n == 1 else None)
        for k in range(2):
            wiggled = fluxes * (1 + 0.2 * np.sin(WAVES / (40 + 7 * n + 3 * k)))
            sandbox.add_spectrum(name, wavelengths=WAVES, fluxes=wiggled, observed_at=f"2026-06-0{1 + k}T05:00:00")
    sandbox.add_spectrum("ZTF26000", wavelengths=WAVES[:50], fluxes=fluxes[:50])


def test_an_archive_is_posted_once_and_by_the_service(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ASTRANET_")}
    env = kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ASTRANET_POST_CARDS": "false"}

    def astranet(*arguments: str) -> str:
        command = [sys.executable, "-P", "-c", "from plugin.cli import app; app()", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with Sandbox() as marshal:
        fill(marshal)
        env |= {
            "ASTRANET_MARSHAL_URL": marshal.url,
            "ASTRANET_MARSHAL_TOKEN": marshal.token,
            "ASTRANET_GROUP_IDS": str(marshal.group_id),
            "ASTRANET_DATABASE_URL": f"sqlite:///{tmp_path / 'astranet.sqlite'}",
            "ASTRANET_BACKFILL_DAYS": "0",
            "ASTRANET_DRY_RUN": "false",
            "ASTRANET_REQUESTS_PER_SECOND": "1000",
        }
        astranet("once")  # an archive is no news: the service takes note of it and no more
        assert marshal.writes() == []
        marshal.forget_requests()
        over = ("backfill", "--marshal", "--out", "out", "--workers", "1", "--partition", "4")
        shown = astranet(*over, "--preview")
        assert all(words in shown for words in ("8 ok, 1 refused in 3 partitions", "12 requests or more"))
        asked = [r.path for r in marshal.requests]
        assert sum(path.endswith("/spectra") and path != "/api/spectra" for path in asked) == SOURCES
        assert not any(path.startswith("/api/spectra/") for path in asked)
        assert marshal.writes() == []
        posted = astranet(*over, "--post")
        assert all(words in posted for words in ("nothing to do", "9 answers are filed", "12 requests or more"))
        assert marshal.writes() == []
        astranet("once")
        annotations = marshal.annotations()
        assert len(annotations) == 8 + SOURCES
        assert {a["origin"] for a in annotations} == {"ASTRANet"}
        written = len(marshal.writes())
        assert written == 8 + SOURCES
        assert "0 answers are filed; 9 spectra keep the service's own answer" in astranet(*over, "--post")
        astranet("once")
        assert len(marshal.writes()) == written
