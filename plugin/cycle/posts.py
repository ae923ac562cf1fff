"""From posts to wishes in the outbox."""

from collections.abc import Iterable
from datetime import datetime

from plugin.cycle.posting import Post
from plugin.store import Unit


def want(unit: Unit, posts: Iterable[Post], now: datetime) -> None:
    """Say what should hang where from now on, inside one transaction."""
    for post in posts:
        unit.outbox.want(
            post.place,
            kind=post.kind,
            origin=post.origin,
            body=post.body,
            group_ids=post.group_ids,
            now=now,
        )
