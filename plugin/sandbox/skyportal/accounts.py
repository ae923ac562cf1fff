"""The sandbox's people: accounts and groups as in the recorded exchanges, tokens drawn anew at every start."""

import uuid
from datetime import datetime

from plugin.sandbox.skyportal.rows import Group, User

PUBLIC_GROUP = 2
MAIN_GROUP = 6
PRIVATE_GROUP = 7

BOT_ACLS = frozenset({"Annotate", "Classify", "Comment", "Run Analyses", "Upload data"})
OTHER_ACLS = BOT_ACLS - {"Run Analyses"}
ADMIN_ACLS = BOT_ACLS | {"System admin", "Manage sources", "Manage Analysis Services"}


def groups(born: datetime) -> dict[int, Group]:
    """The groups: public (2), the survey's (6), one the bot is not in (7), and one per account."""
    names = {
        1: "provisioned-admin",
        PUBLIC_GROUP: "Sitewide Group",
        3: "sandbox-bot",
        4: "sandbox-other",
        5: "sandbox-readonly",
        MAIN_GROUP: "Sandbox Transients",
        PRIVATE_GROUP: "Private Group",
    }
    shared = (PUBLIC_GROUP, MAIN_GROUP, PRIVATE_GROUP)
    return {
        i: Group(id=i, name=name, created_at=born, modified=born, single_user_group=i not in shared)
        for i, name in names.items()
    }


def accounts(born: datetime) -> dict[int, User]:
    """The accounts: `admin`, `bot` (the annotator's), `other` (in the private group only), `readonly` (no rights)."""
    return {
        1: _account(1, "provisioned-admin", ADMIN_ACLS, {PUBLIC_GROUP, MAIN_GROUP, PRIVATE_GROUP}, 1, born),
        2: _account(2, "sandbox-bot", BOT_ACLS, {PUBLIC_GROUP, MAIN_GROUP}, 3, born, is_bot=True),
        3: _account(3, "sandbox-other", OTHER_ACLS, {PUBLIC_GROUP, PRIVATE_GROUP}, 4, born),
        4: _account(4, "sandbox-readonly", frozenset(), {PUBLIC_GROUP, MAIN_GROUP}, 5, born),
    }


def _account(
    number: int,
    name: str,
    acls: frozenset[str],
    member_of: set[int],
    own_group: int,
    born: datetime,
    *,
    is_bot: bool = False,
) -> User:
    return User(
        id=number,
        username=name,
        token=str(uuid.uuid4()),
        acls=acls,
        group_ids=frozenset(member_of | {own_group}),
        own_group=own_group,
        created_at=born,
        modified=born,
        is_bot=is_bot,
    )
