"""From posts to wishes in the outbox, and what hangs on a source: the answers of all producers joined."""

from collections.abc import Iterable
from datetime import datetime

from plugin.cycle.posting import Post, Posting
from plugin.cycle.spectra import compose
from plugin.store import ASTRANET, NEEDLE, Unit, object_of


def enqueue(unit: Unit, posts: Iterable[Post], now: datetime) -> list[Post]:
    """Say what should hang where from now on, inside one transaction; those of the posts that will be delivered."""
    return [
        post
        for post in posts
        if unit.outbox.enqueue(
            post.place,
            kind=post.kind,
            origin=post.origin,
            body=post.body,
            group_ids=post.group_ids,
            now=now,
        )
    ]


def on_source(unit: Unit, target_id: str, posting: Posting) -> list[Post]:
    """What should hang on a source, from every report that counts for it."""
    needle = unit.reports.of(object_of(target_id), NEEDLE)
    of_spectra = unit.reports.of_target(target_id, ASTRANET)
    return compose.on_source(target_id, of_spectra, posting, None if needle is None else needle.report)
