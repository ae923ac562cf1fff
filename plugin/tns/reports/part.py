"""Reports to the TNS, from the settings: who drafts, who sends, and who looks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from iris_client.protocols import SpectrumSource
from iris_client.tns.budget import Budget
from iris_client.tns.hosts import may_report_to
from iris_client.tns.reporter import Reporter
from models.conformal.purity import COLUMNS, Purities, purities_of
from plugin.clock import Clock, utc_now
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clients import described_by
from plugin.store import Store
from plugin.tns.reports.drafting import Drafted, Drafting, Signature
from plugin.tns.reports.files import FOLDER, write_files
from plugin.tns.reports.tables import id_tables
from plugin.tns.source import until_stopped

if TYPE_CHECKING:
    from models.bundle import Bundle


def make_reporter(settings: Settings, *, wait: Callable[[float], bool] | None = None) -> Reporter | None:
    """Who sends; None without an API key.

    Parameters
    ----------
    wait : callable, optional
        Waits for so many seconds and says whether to stop; for a service that may be told to.

    Raises
    ------
    ConfigError
        If reports may not go to TNS_REPORT_URL, or there is a key but no bot.
    """
    if settings.tns_api_key is None:
        return None
    if settings.tns_bot_id is None or not settings.tns_bot_name:
        raise ConfigError(f"{PREFIX}TNS_BOT_ID and {PREFIX}TNS_BOT_NAME: needed with {PREFIX}TNS_API_KEY")
    if not may_report_to(settings.tns_report_url, production=settings.tns_production):
        raise ConfigError(
            f"{PREFIX}TNS_REPORT_URL: reports go to https://sandbox.wis-tns.org, or with {PREFIX}TNS_PRODUCTION=true "
            "to https://www.wis-tns.org"
        )
    key = settings.tns_api_key.get_secret_value()
    with described_by("TNS_REPORT_URL", "TNS_BOT_NAME"):
        return Reporter(
            settings.tns_report_url,
            bot_id=settings.tns_bot_id,
            bot_name=settings.tns_bot_name,
            api_key=key,
            budget=None if wait is None else Budget(sleep=until_stopped(wait)),
            production=settings.tns_production,
        )


def bundle_purities(bundle: "Bundle") -> Purities:
    """The calibration spectra of a bundle.

    Raises
    ------
    ConfigError
        If the bundle has no anomaly layer: without one there are no probabilities of its calibration spectra.
    """
    if bundle.sentinel is None:
        raise ConfigError(f"{PREFIX}TNS_REPORT_PURITY: {bundle.bundle_id} has no probabilities of calibration spectra")
    kept = bundle.sentinel.calibration
    columns = {name: getattr(kept, name) for name in COLUMNS}
    return purities_of({name: values for name, values in columns.items() if values is not None}, bundle.bundle_id)


def draft_reports(
    settings: Settings,
    store: Store,
    marshal: SpectrumSource,
    purities: Purities,
    *,
    reporter: Reporter | None = None,
    clock: Clock = utc_now,
) -> Drafted:
    """Draft what deserves it, and write the files.

    Raises
    ------
    ConfigError
        If TNS_REPORT_PURITY is not set.
    UpstreamError
        If the marshal does not answer.
    """
    from plugin.parts import quality_rules

    if settings.tns_report_purity is None:
        what = Settings.model_fields["tns_report_purity"].description
        raise ConfigError(f"{PREFIX}TNS_REPORT_PURITY: not set. {what}")
    now = clock()
    drafted = Drafting(
        store=store,
        marshal=marshal,
        server=settings.tns_report_url,
        purities=purities,
        at_least=settings.tns_report_purity,
        tables=id_tables(reporter, settings.output_dir / FOLDER, now),
        signature=signature(settings),
        rules=quality_rules(settings),
        trust=settings.trust,
    ).run(now)
    refresh_files(settings, store)
    return drafted


def send_reports(
    settings: Settings, store: Store, reporter: Reporter, *, clock: Clock, stop: Callable[[], bool]
) -> int:
    """Take the reports that people have approved as far as they go now; returns how many were looked at."""
    from plugin.tns.reports.sending import Sending

    done = Sending(store=store, reporter=reporter, clock=clock, stop=stop).run()
    if done:
        refresh_files(settings, store)
    return done


def refresh_files(settings: Settings, store: Store) -> None:
    """Let the files say what the database says."""
    with store.begin(to_read=True) as unit:
        every = unit.tns_reports.every(settings.tns_report_url)
    write_files(settings.output_dir, every)


def signature(settings: Settings) -> Signature:
    """Who reports.

    Raises
    ------
    ConfigError
        If a name of an instrument is not told as ours=theirs.
    """
    pairs = [one.partition("=") for one in settings.tns_instruments]
    if not all(ours.strip() and equals and theirs.strip() for ours, equals, theirs in pairs):
        raise ConfigError(f"{PREFIX}TNS_INSTRUMENTS: expected ours=theirs, separated by commas")
    return Signature(
        classifier=settings.tns_classifier,
        observer=settings.tns_observer,
        reducer=settings.tns_reducer,
        group_id=settings.tns_group_id,
        instruments={ours.strip(): theirs.strip() for ours, _, theirs in pairs},
    )
