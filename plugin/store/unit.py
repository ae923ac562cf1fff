"""One transaction, and the tables as small sets of questions."""

from dataclasses import dataclass

from plugin.store.analyses import Analyses
from plugin.store.context import Context
from plugin.store.drift.calibrations import Calibrations
from plugin.store.drift.drift import Drift
from plugin.store.monitoring.figures import Figures
from plugin.store.monitoring.status import Status
from plugin.store.needle import Needle
from plugin.store.notes.announced import Announced
from plugin.store.notes.drafts import Notes
from plugin.store.notes.others import OthersNotes
from plugin.store.objects import Objects
from plugin.store.outbox import Outbox
from plugin.store.queue import Queue
from plugin.store.renewals import Renewals
from plugin.store.reports import Reports
from plugin.store.spectra import Spectra
from plugin.store.tns.names import Names
from plugin.store.tns.reports import TnsReports
from plugin.store.tns.rows import TnsRows
from plugin.store.truth.truths import Truths
from plugin.store.truth.verdicts import Verdicts
from plugin.store.vectors import Vectors
from plugin.store.watermarks import Watermarks
from plugin.store.workers.rows import Leases, Workers


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be done inside one transaction."""

    queue: Queue
    spectra: Spectra
    objects: Objects
    reports: Reports
    renewals: Renewals
    outbox: Outbox
    watermarks: Watermarks
    tns: TnsRows
    names: Names
    tns_reports: TnsReports
    workers: Workers
    leases: Leases
    status: Status
    figures: Figures
    analyses: Analyses
    truth: Truths
    verdicts: Verdicts
    drift: Drift
    calibrations: Calibrations
    notes: Notes
    others_notes: OthersNotes
    announced: Announced
    needle: Needle
    vectors: Vectors

    @classmethod
    def on(cls, context: Context) -> "Unit":
        """Everything on one connection, for one marshal."""
        return cls(
            queue=Queue(context),
            spectra=Spectra(context),
            objects=Objects(context),
            reports=Reports(context),
            renewals=Renewals(context),
            outbox=Outbox(context),
            watermarks=Watermarks(context),
            tns=TnsRows(context),
            names=Names(context),
            tns_reports=TnsReports(context),
            workers=Workers(context),
            leases=Leases(context),
            status=Status(context),
            figures=Figures(context),
            analyses=Analyses(context),
            truth=Truths(context),
            verdicts=Verdicts(context),
            drift=Drift(context),
            calibrations=Calibrations(context),
            notes=Notes(context),
            others_notes=OthersNotes(context),
            announced=Announced(context),
            needle=Needle(context),
            vectors=Vectors(context),
        )
