"""Settings about what leaves the service beside its answers: chat, notes, the TNS, pages; and those of the house."""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr

from plugin.setting_fields import SettingFields
from plugin.setting_types import (
    Address,
    Bind,
    HeaderSecret,
    HookAddress,
    LongSecret,
    Networks,
    NoteKinds,
    Voices,
    Words,
)


def _default_database() -> str:
    return f"sqlite:///{platformdirs.user_data_path('astranet') / 'astranet.sqlite'}"


class OutwardFields(SettingFields):
    """Shown after those about reading and answering."""

    # Messages in a chat, off without a web hook
    slack_webhook: HookAddress | None = Field(
        None,
        description="Address of an incoming web hook (Slack, Mattermost): alerts at once and a digest of each night. A "
        "secret: https only.",
    )
    slack_webhook_file: Path | None = Field(
        None, description="File that holds that address; instead of SLACK_WEBHOOK, for container secrets."
    )
    slack_per_hour: int = Field(
        20, ge=1, description="Most messages about alerts in an hour; the last tells everything that waits, in one."
    )
    web_url: Address | None = Field(
        None, description="Address under which people reach this service's own pages, for links: https://host[/path]."
    )

    # The notes
    notes: NoteKinds = Field(
        ("classes", "anomalies", "candidates"),
        description="Kinds of AstroNotes that are drafted, separated by commas: classes (from spectra), anomalies "
        "(unusual spectra), candidates (NEEDLE's, without a spectrum); or none.",
    )
    note_every: Literal["day", "week"] = Field(
        "day",
        description="day: a draft for each night; week: one for the nights of Monday to Sunday together, once they are "
        "over.",
    )
    note_hour_utc: int = Field(15, ge=0, le=23, description="Hour (UTC) at which drafts are written.")
    note_authors: str = Field("", description="Authors of the drafts, as they should stand in them.")
    note_authors_file: Path | None = Field(
        None,
        description="File of those who write notes, one a line: Name; Affiliation; for a choice in the review.",
    )
    post_note_comments: bool = Field(
        False, description="Also comment on the sources of a draft note that it waits for a person, with a link."
    )
    output_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("astranet") / "output",
        description="Folder for drafts and pages.",
    )

    # Staying calibrated: see docs/staying-calibrated.md
    recalibrate: Literal["off", "propose", "automatic"] = Field(
        "propose", description="Calibrations on own answers whose class is known: off, propose, or automatic adoption."
    )
    recalibration_window: int = Field(
        10_000, ge=100, description="Of how many of the latest such answers they are made."
    )
    renew_days: float = Field(
        0.0,
        ge=0,
        description="Answers of the last so many days are given anew, 120 an hour, when the bundle or its calibration "
        "has changed; 0: only `astranet renew` does it.",
    )
    drift_false_alarms: float = Field(
        0.05, gt=0, lt=1, description="Probability of an alarm without drift within 20,000 answers, all tests together."
    )

    # The Transient Name Server; nobody asks it without a key
    tns_url: Address = Field(
        "https://www.wis-tns.org", description="Address of the TNS; https://sandbox.wis-tns.org to try."
    )
    tns_bot_id: int | None = Field(None, ge=1, description="Number of the bot at the TNS.")
    tns_bot_name: str | None = Field(None, description="Name of the bot at the TNS; goes into its marker.")
    tns_api_key: SecretStr | None = Field(None, description="API key of the bot; without it the TNS is never asked.")
    tns_watch_days: float = Field(
        30.0,
        ge=0,
        description="For how many days after its last answer a source's TNS name is looked up daily; 0: never.",
    )

    # What people say of the objects that we answered about
    truth_watch_days: float = Field(
        365.0,
        ge=0,
        description="For how many days after its last answer the classes that people give an object are read: daily "
        "for the first 30, then once a week; 0: never.",
    )
    truth_ignored: Words = Field(
        (),
        description="Accounts and origins on the marshal whose classifications are no people's, such as other robots', "
        "separated by commas. Our own and those marked as machine-made never count.",
    )

    # Classification reports to the TNS: drafts for people; sent only when somebody approves one
    tns_report_purity: float | None = Field(
        None,
        gt=0.5,
        le=1,
        description="Purity, on calibration spectra of the same resolution, that a class must have at its probability "
        "for a draft of a TNS report, such as 0.95; empty: no drafts.",
    )
    tns_report_url: Address = Field(
        "https://sandbox.wis-tns.org",
        description="Where reports go: the TNS's sandbox. https://www.wis-tns.org only with TNS_PRODUCTION=true.",
    )
    tns_production: bool = Field(
        False, description="true lets reports go to the TNS itself, where they are public and stay for ever."
    )
    tns_group_id: int | None = Field(None, ge=1, description="Number of the TNS group that classifies, such as 48.")
    tns_classifier: str = Field("", description="Classifier in reports: names with affiliation, as they should stand.")
    tns_observer: str = Field("", description="Observer in reports, where the marshal has none for a spectrum.")
    tns_reducer: str = Field("", description="Reducer in reports, where the marshal has none for a spectrum.")
    tns_instruments: Words = Field(
        (),
        description="What the TNS calls our instruments where the names differ: ours=theirs, separated by commas.",
    )

    # The pages; off unless an address is given
    web_bind: Bind | None = Field(
        None,
        description="Where the pages are served, host:port, such as 127.0.0.1:8765; empty: nowhere. Any other host "
        "than this machine's own needs WEB_TOKEN_FILE or WEB_TRUSTED_HEADER.",
    )
    web_token: LongSecret | None = Field(
        None, description="Token to log in to the pages with: at least 16 characters, not the marshal's."
    )
    web_token_file: Path | None = Field(
        None, description="File that holds it; instead of WEB_TOKEN, for container secrets."
    )
    web_trusted_header: str | None = Field(
        None, description="Header in which a reverse proxy names who is logged in, such as X-Forwarded-User."
    )
    web_trusted_proxies: Networks = Field(
        (), description="Addresses or networks of the proxies whose header is believed, separated by commas."
    )
    web_hosts: Words = Field(
        (), description="Names under which people reach the pages through a proxy, separated by commas."
    )
    trust: Voices = Field(
        ("tns", "marshal", "file"),
        description="Who is believed about what an object is, first one first: tns, marshal, file (`astranet truth "
        "import`). Who is left out does not count. Classes that people gave with a probability below 0.5 never do.",
    )

    # SkyPortal's Analysis button; off without a secret
    analysis_secret: HeaderSecret | None = Field(
        None,
        description="Secret by which the marshal is known when it asks for an analysis: at least 16 characters, not "
        "the marshal's token. Without it nobody can ask.",
    )
    analysis_secret_file: Path | None = Field(
        None, description="File that holds it; instead of ANALYSIS_SECRET, for container secrets."
    )
    analysis_url: Address | None = Field(
        None,
        description="Address of this service's web server as the marshal reaches it: http(s)://host[:port]. "
        "`astranet register` tells it to the marshal.",
    )
    marshal_callback_url: Address | None = Field(
        None,
        description="Address that the marshal gives for answers to analyses, if it is not MARSHAL_URL: "
        "http(s)://host[:port]. Answers go to no other.",
    )

    # The house
    database_url: str = Field(
        default_factory=_default_database,
        repr=False,
        description="SQLAlchemy address; by default a SQLite file in the user's data folder. PostgreSQL: "
        "postgresql+psycopg://user:password@host/name.",
    )
    database_password_file: Path | None = Field(
        None, description="File that holds the database's password; instead of one in DATABASE_URL."
    )
    data_dir: Path | None = Field(None, description="Training and test data; the service itself needs none.")
    log_format: Literal["console", "json"] = Field("console", description="console for people, json for machines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
