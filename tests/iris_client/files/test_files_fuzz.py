"""Damaged files by the thousand: whatever comes, a spectrum or a refusal, in bounded time and memory."""

import bz2
import gzip
import random
import resource
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from iris_client.brokers.alert import alert
from iris_client.brokers.records import from_stream
from iris_client.errors import UpstreamError
from iris_client.files.spectra import read_spectra
from iris_client.quality.control import examine
from plugin.batch.needle_files import NeedleInputError, read_curves
from tests.fakes.mutate import mutate_bytes, mutate_json
from tests.fakes.spectra import COUNTED, ERROR, FLUX, INDEX, SKY, WAVE, image, table, text, write_fits
from tests.iris_client.brokers.test_surveys import RUBIN, packet

SHORT, LONG = 60, 1000
"""Damaged copies of each of the ten files."""
MOST_SECONDS, MOST_MB = 20.0, 700.0
S = slice(None, None, 9)


def corpus(folder: Path) -> dict[str, bytes]:
    """Small files of each kind."""
    w, f, e = WAVE[S], FLUX[S], ERROR[S]
    pq.write_table(pa.table({"wavelength": [w.tolist()] * 3, "flux": [f.tolist()] * 3}), folder / "lists")
    pq.write_table(pa.table({"wave": w, "flux": f, "mask": (INDEX[S] % 7 == 0)}), folder / "pixels")
    pq.write_table(pa.table(COUNTED), folder / "curve")
    text(folder / "names", '# "Wavelength (A)", Flux [erg/s/cm2/A] , err', w, f, e, sep=", ")
    text(folder / "commas", "wavelength;flux", w, f * 1e15, sep=";", comma=True)
    (folder / "json").write_text(str({"data": {"wavelengths": w.tolist(), "fluxes": f.tolist()}}).replace("'", '"'))
    write_fits(folder / "table", table("SPECTRUM", WAVE=w, FLUX=f, ERR=e), table("SKY", wave=w, flux=SKY[S]))
    write_fits(folder / "image", image([f, e], BANDID1="spectrum", BANDID2="sigma"), image(INDEX[S] % 2, "DQ"))
    write_fits(folder / "packed", fits.CompImageHDU(np.tile(f.astype("f4"), (3, 1)), name="SCI"))
    names = ("lists", "pixels", "curve", "names", "commas", "json", "table", "image", "packed")
    found = {name: (folder / name).read_bytes() for name in names}
    return found | {"gzip": gzip.compress(found["table"]), "bz2": bz2.compress(found["names"])}


def survives(path: Path) -> Counter[str]:
    """What reading it as spectra gives; nothing may be raised."""
    seen: Counter[str] = Counter()
    for raw in read_spectra(path):
        found = examine(raw)
        assert (found.spectrum is None) == any(c.refuses for c in found.caveats)
        seen["refused" if found.spectrum is None else "ok"] += 1
    return seen


def damaged(folder: Path, copies: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, content in corpus(folder).items():
        rng = random.Random(name)
        for _ in range(copies):
            path = folder / "damaged.dat"
            path.write_bytes(mutate_bytes(content, rng))
            start = time.process_time()
            found = survives(path)
            assert time.process_time() - start < MOST_SECONDS, name
            assert found.total() >= 0
            seen += found + Counter(files=1)
            if name in ("curve", "lists", "pixels"):
                seen += light_curves(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MB
    return seen


def light_curves(path: Path) -> Counter[str]:
    try:
        return Counter(curves=sum(1 for _ in read_curves(path)))
    except NeedleInputError:
        return Counter(no_curves=1)


def test_a_few_hundred_damaged_files(tmp_path: Path) -> None:
    seen = damaged(tmp_path, SHORT)
    assert seen["files"] == 11 * SHORT
    assert seen["refused"] > 100
    assert seen["ok"] > 5


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path: Path) -> None:
    assert damaged(tmp_path, LONG)["files"] >= 10_000


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_packets(count: int) -> None:
    rng = random.Random(1)
    seen: Counter[str] = Counter()
    for number in range(count):
        record = mutate_json(RUBIN if number % 2 else packet(), rng)
        try:
            (alert if number % 3 else from_stream)(record if isinstance(record, dict) else {"x": record})
            seen["ok"] += 1
        except UpstreamError:
            seen["refused"] += 1
    assert min(seen["ok"], seen["refused"]) > count / 50
