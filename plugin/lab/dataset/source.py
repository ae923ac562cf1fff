"""Where IRIS reads from: the marshal of the settings, or parquet files."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from iris_client.protocols import PhotometrySource, SpectrumSource, TransientNames
from plugin.clock import utc_now
from plugin.lab.dataset.records import POOL_FILES, RARE_FILES, Record, read_catalogue, read_parquet
from plugin.settings import Settings
from plugin.sources.marshal import make_source
from plugin.sources.tns import make_tns
from plugin.store import StoreError, open_store
from plugin.tns.lookup import Api, InOrder, Mirror


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


@contextmanager
def open_names(settings: Settings) -> Iterator[TransientNames | None]:
    """Who knows what the TNS calls an object, as the service asks them; None without a key.

    The mirror is read where the service has one, without disturbing it; the API is asked where that is old or missing.

    Raises
    ------
    ConfigError
        If the key has no bot.
    """
    tns = make_tns(settings)
    if tns is None:
        yield None
        return
    with ExitStack() as opened:
        opened.enter_context(tns)
        mirror = None
        try:
            store = open_store(settings.database_url, marshal=settings.marshal_url or "", to_read=True)
            mirror = Mirror(store=opened.enter_context(store), server=tns.url, clock=utc_now)
        except StoreError:
            pass  # there is none yet
        yield InOrder(mirror=mirror, last=Api(tns=tns))


def read_catalogues(paths: Sequence[Path]) -> Iterator[Record]:
    """The records of parquet files; of a folder, the files of the labelled collection that are in it."""
    for path in paths:
        if path.is_dir():
            yield from read_catalogue(path, (*POOL_FILES, *RARE_FILES))
        else:
            yield from read_parquet(path)
