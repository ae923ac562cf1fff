"""Where IRIS reads from: the marshal of the settings, or parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from iris_client.protocols import PhotometrySource, SpectrumSource
from plugin.lab.dataset.records import POOL_FILES, RARE_FILES, Record, read_catalogue, read_parquet
from plugin.settings import Settings
from plugin.sources.marshal import make_source


@contextmanager
def open_source(settings: Settings) -> Iterator[tuple[SpectrumSource, PhotometrySource, tuple[int, ...]]]:
    """Spectra, photometry and groups, as the settings say: over REST, or spectra over GraphQL.

    Raises
    ------
    ConfigError
        If address, token or groups are missing.
    """
    _, _, group_ids = settings.marshal()
    with closing(make_source(settings)) as marshal:
        yield marshal, marshal, group_ids


def read_catalogues(paths: Sequence[Path]) -> Iterator[Record]:
    """The records of parquet files; of a folder, the files of the labelled collection that are in it."""
    for path in paths:
        if path.is_dir():
            yield from read_catalogue(path, (*POOL_FILES, *RARE_FILES))
        else:
            yield from read_parquet(path)
