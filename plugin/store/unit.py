"""One transaction, and the tables as small sets of questions."""

from dataclasses import dataclass

from sqlalchemy import Connection

from plugin.store.context import Context
from plugin.store.object_reports import ObjectReports
from plugin.store.objects import Objects
from plugin.store.outbox import Outbox
from plugin.store.reports import Reports
from plugin.store.tasks import Tasks
from plugin.store.tns import TnsRows
from plugin.store.tns_names import Names
from plugin.store.watermarks import Watermarks


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be done inside one transaction."""

    tasks: Tasks
    reports: Reports
    outbox: Outbox
    watermarks: Watermarks
    tns: TnsRows
    names: Names
    objects: Objects
    object_reports: ObjectReports

    @classmethod
    def on(cls, connection: Connection, marshal: str, worker: str) -> "Unit":
        """Everything on one connection, for one marshal."""
        context = Context(connection, marshal, worker)
        parts = (Tasks(context), Reports(context), Outbox(context), Watermarks(context), TnsRows(context))
        return cls(*parts, Names(context), Objects(context), ObjectReports(context))
