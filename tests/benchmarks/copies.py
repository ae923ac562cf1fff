"""Noise copies of spectra, as many as are asked for: an archive to measure with, and nothing to learn from.

    python -m tests.benchmarks.copies OUT --number 100000 --data FILE.parquet

Without `--data` they are copies of simulated spectra. Each copy is one spectrum of the file with noise of its own
added, at a signal-to-noise ratio between 8 and 40 per pixel; the same number and seed give the same archive.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer

BASE = 400
"""Spectra that are copied."""
Arrays = tuple[str, np.ndarray, np.ndarray]


def base_of(data: Path | None, rng: np.random.Generator) -> list[Arrays]:
    """Name, wavelengths and flux of some spectra of a Parquet file, drawn at random; of simulated ones without it."""
    if data is None:
        from models.simulation import draw

        simulated = [one.raw for one in draw(BASE, seed=int(rng.integers(2**31)))]
        return [(r.spectrum_id, np.asarray(r.wavelengths, float), np.asarray(r.fluxes, float)) for r in simulated]
    table = pq.read_table(data, columns=["spec_id", "wavelength", "flux"])
    chosen = table.take(np.sort(rng.choice(table.num_rows, min(BASE, table.num_rows), replace=False)))
    rows = zip(*(chosen.column(name) for name in ("spec_id", "wavelength", "flux")), strict=True)
    return [(str(n), w.values.to_numpy().astype(float), f.values.to_numpy().astype(float)) for n, w, f in rows]


def copies(
    base: list[Arrays], number: int, rng: np.random.Generator
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Names of copy and original, wavelengths and noisy flux."""
    for n in range(number):
        name, wave, flux = base[n % len(base)]
        noise = np.nanmedian(np.abs(flux)) / rng.uniform(8.0, 40.0)
        yield f"copy-{n:07d}", name, wave, (flux + noise * rng.normal(size=flux.size)).astype(np.float32)


def write(folder: Path, number: int, *, data: Path | None = None, seed: int = 0, rows: int = 2000) -> Path:
    """Write an archive of copies, some in a file; returns the folder."""
    rng = np.random.default_rng(seed)
    made = copies(base_of(data, rng), number, rng)
    folder.mkdir(parents=True, exist_ok=True)
    for file, start in enumerate(range(0, number, rows)):
        some = [next(made) for _ in range(min(rows, number - start))]
        columns = dict(
            zip(("spec_id", "object_id", "wavelength", "flux"), map(list, zip(*some, strict=True)), strict=True)
        )
        pq.write_table(pa.table(columns), folder / f"copies-{file:05d}.parquet", row_group_size=256)
    return folder


def main(
    out: Annotated[Path, typer.Argument(help="Folder for the archive.")],
    number: Annotated[int, typer.Option(min=1)] = 10_000,
    data: Annotated[Path | None, typer.Option(help="Parquet file with spectra.")] = None,
    seed: int = 0,
) -> None:
    """Write noise copies."""
    write(out, number, data=data, seed=seed)
    print(f"{number} copies in {out}")


if __name__ == "__main__":
    typer.run(main)
