"""An archive in a folder, models that answer fast, and workers that end with the tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import verify
from models.card_fields import bundle_id
from plugin.backfill.asked import Asked
from plugin.backfill.cluster import connected
from plugin.backfill.folder import RunFolder
from plugin.backfill.run import FileInput, Outcome, begin, work
from tests.models.bundles import tiny_bundle

WAVELENGTH_A = np.arange(3700.0, 9300.0, 8.0)


def flux(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 3 + np.sin(WAVELENGTH_A / 120 + seed) + 0.05 * rng.normal(size=WAVELENGTH_A.size)


def write_parquet(path: Path, seeds: range, *, row_group: int = 1000) -> None:
    """Good spectra, a row each."""
    columns = {
        "spec_id": [f"s{n}" for n in seeds],
        "object_id": [f"o{n // 2}" for n in seeds],
        "wavelength": [WAVELENGTH_A] * len(seeds),
        "flux": [flux(n) for n in seeds],
    }
    pq.write_table(pa.table(columns), path, row_group_size=row_group)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 400 spectra in two Parquet files and in texts, and what is none."""
    folder = tmp_path_factory.mktemp("archive")
    write_parquet(folder / "a.parquet", range(250), row_group=60)
    write_parquet(folder / "b.parquet", range(250, 380))
    (folder / "texts").mkdir()
    for n in range(12):
        np.savetxt(folder / "texts" / f"t{n:02d}.txt", np.column_stack([WAVELENGTH_A, flux(1000 + n)]))
    (folder / "texts" / "page.txt").write_text("<html>Login</html>")
    (folder / "texts" / "short.txt").write_text("".join(f"{w:.1f} 1.{w % 7:.0f}\n" for w in WAVELENGTH_A[:90]))
    (folder / "texts" / ".hidden").write_text("nothing")
    (folder / "cut.parquet").write_bytes((folder / "b.parquet").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def asked(bundle: Path) -> Asked:
    return Asked(bundle=str(bundle), bundle_id=bundle_id(verify(bundle)))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers."""
    with connected(None, 2) as made:
        yield made


@contextmanager
def no_client() -> Iterator[Any]:
    """For who needs nobody."""
    raise AssertionError("a cluster was asked for")
    yield


@pytest.fixture
def run(asked: Asked, archive: Path, client: Any) -> Callable[..., Outcome]:
    """One run over the archive, in partitions of 40."""

    @contextmanager
    def shared() -> Iterator[Any]:
        yield client

    def made(out: Path, *, of: Any = None, asks: Asked = asked, spectra: int = 40, connect: Any = shared, **how: Any):
        folder, source = RunFolder(out), of or FileInput((archive,))
        with folder.held():
            begin(folder, asks, source, spectra=spectra)
            return work(folder, asks, source, connect, **how)

    return made


@pytest.fixture(scope="module")
def undisturbed(asked: Asked, archive: Path, client: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing went wrong with."""
    folder = RunFolder(tmp_path_factory.mktemp("undisturbed") / "out")

    @contextmanager
    def shared() -> Iterator[Any]:
        yield client

    with folder.held():
        begin(folder, asked, FileInput((archive,)), spectra=40)
        assert work(folder, asked, FileInput((archive,)), shared).complete
    return folder.path


def contents(out: Path) -> dict[str, bytes]:
    """Every finished partition, byte by byte."""
    return {path.name: path.read_bytes() for path in sorted((out / "answers").iterdir())}
