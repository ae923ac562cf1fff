"""One transaction, and the tables as small sets of questions."""

from dataclasses import dataclass

from plugin.store.analyses import Analyses
from plugin.store.context import Context
from plugin.store.monitoring.figures import Figures
from plugin.store.monitoring.status import Status
from plugin.store.objects import Objects
from plugin.store.outbox import Outbox
from plugin.store.queue import Queue
from plugin.store.reports import Reports
from plugin.store.spectra import Spectra
from plugin.store.tns.names import Names
from plugin.store.tns.reports import TnsReports
from plugin.store.tns.rows import TnsRows
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
    vectors: Vectors

    @classmethod
    def on(cls, context: Context) -> "Unit":
        """Everything on one connection, for one marshal."""
        return cls(
            queue=Queue(context),
            spectra=Spectra(context),
            objects=Objects(context),
            reports=Reports(context),
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
            vectors=Vectors(context),
        )
