"""How far each source has been read."""

from dataclasses import dataclass

from sqlalchemy import select

from plugin.store.context import Context
from plugin.store.tables import watermark


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Cursors by source."""

    context: Context

    def get(self, source: str) -> str | None:
        """The cursor of a source; None before its first reading."""
        found = select(watermark.c.cursor).where(
            watermark.c.marshal == self.context.marshal, watermark.c.source == source
        )
        return self.context.connection.execute(found).scalar_one_or_none()

    def set(self, source: str, cursor: str) -> None:
        """Move a cursor; with several workers it never goes back, because `cursor` texts sort as their times do."""
        new = self.context.insert(watermark).values(marshal=self.context.marshal, source=source, cursor=cursor)
        self.context.connection.execute(
            new.on_conflict_do_update(
                index_elements=["marshal", "source"],
                set_={"cursor": new.excluded.cursor},
                where=watermark.c.cursor < new.excluded.cursor,
            )
        )
