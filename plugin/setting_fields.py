"""The settings themselves: kind, default and what each is for. How they are read is in `plugin.settings`."""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from plugin.environment import PREFIX
from plugin.setting_types import (
    Address,
    Bind,
    HeaderSecret,
    HookAddress,
    Hosts,
    LongSecret,
    Networks,
    Numbers,
    Voices,
    Words,
)


def _default_database() -> str:
    return f"sqlite:///{platformdirs.user_data_path('astranet') / 'astranet.sqlite'}"


class SettingFields(BaseSettings):
    """What the operator decides, in the order in which it is shown."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    # The marshal
    marshal_url: Address | None = Field(
        None, description="Address of the SkyPortal or Fritz marshal: https://host[:port]."
    )
    marshal_token: SecretStr | None = Field(
        None,
        description="API token of the bot; rights: Annotate, Comment (POST_CARDS), Classify (POST_CLASSIFICATION).",
    )
    marshal_token_file: Path | None = Field(
        None, description="File that holds the token; instead of MARSHAL_TOKEN, for container secrets."
    )
    group_ids: Numbers = Field(
        (), description="Marshal groups whose spectra are read and who see the answers: numbers, separated by commas."
    )
    taxonomy: str = Field("Sitewide Taxonomy", description="Taxonomy on the marshal that classifications belong to.")
    http_read_seconds: float = Field(
        60.0,
        gt=0,
        description="How long to wait for an answer, in seconds; SkyPortal loads the arrays even to list spectra.",
    )
    clear_text_hosts: Hosts = Field(
        (),
        description="Hosts to which secrets may go without TLS, separated by commas: those of a network of your own.",
    )
    requests_per_second: float = Field(
        4.0, gt=0, description="Requests per second for this token; SkyPortal allows 5, then it refuses."
    )

    # Where spectra are read; everything is written through the marshal's REST interface
    spectrum_source: Literal["rest", "graphql"] = Field(
        "rest", description="How spectra are read: rest (SkyPortal as it is), or graphql from GRAPHQL_URL."
    )
    graphql_url: Address | None = Field(
        None, description="GraphQL endpoint with spectra, asked with the marshal's token: https://host/graphql."
    )
    graphql_query_file: Path | None = Field(
        None, description="Query document with four named operations; empty for the one that is shipped."
    )
    graphql_field_map_file: Path | None = Field(
        None, description="JSON that says where in the answers things are; empty for the one that is shipped."
    )

    # Where alerts and their images are read, for NEEDLE
    alert_source: Literal["none", "marshal", "boom", "avro", "kafka"] = Field(
        "none",
        description="Where alerts and cutouts come from: none (no NEEDLE), marshal (/api/brokers), boom (BOOM's REST), "
        "avro (ALERT_DIR), kafka (topics of BOOM or Babamul, needs the extra [boom]).",
    )
    alert_broker: str | None = Field(
        None, description="Name of the marshal's broker connection; empty for the first active one with cutouts."
    )
    alert_dir: Path | None = Field(
        None, description="Folder of alert packets (*.avro): read with avro; with kafka new ones are kept there."
    )
    boom_url: Address | None = Field(None, description="Address of BOOM's REST interface: https://host[:port][/path].")
    boom_username: str | None = Field(None, description="Account of BOOM's main REST interface.")
    boom_password: SecretStr | None = Field(None, description="Password of that account.")
    kafka_servers: str | None = Field(None, description="Kafka brokers: host:port, separated by commas.")
    kafka_topics: Words = Field((), description="Kafka topics of BOOM or Babamul with alerts, separated by commas.")
    kafka_group: str = Field(
        "astranet", description="Kafka consumer group; Babamul's must start with babamul-. It remembers what was read."
    )
    kafka_username: str | None = Field(None, description="Account of the Kafka cluster; empty where it needs none.")
    kafka_password: SecretStr | None = Field(None, description="Password of that account.")
    kafka_protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "SASL_PLAINTEXT", description="How to log in to the Kafka cluster, when there is an account."
    )
    needle_prefer: Literal["purity", "completeness"] = Field(
        "purity",
        description="Which mistakes NEEDLE avoids: purity (false SLSNe and TDEs) or completeness (missed ones).",
    )
    watch_days: float = Field(
        100.0, gt=0, description="How many days a candidate that nobody saves is followed after its last alert."
    )
    needle_model: Literal["metadata", "hybrid", "both"] = Field(
        "metadata",
        description="Who answers about objects: metadata (light curve and host; measures best), hybrid (the network on "
        "images too, where there are any), or both: metadata answers, the network's scores stand beside it.",
    )
    needle_folder: Path | None = Field(
        None, description="Folder of the NEEDLE metadata model; empty for the one that is shipped."
    )
    needle_hybrid_folder: Path | None = Field(
        None, description="Folder of the NEEDLE network on images; empty for the one that is shipped."
    )
    dust_maps: Path | None = Field(
        None,
        description="Folder of the dust map's two files (SFD_dust_4096_ngp.fits, _sgp.fits), for objects whose marshal "
        "tells no E(B-V); needs the extra [dust]. Empty: a guess from galactic latitude.",
    )

    # What is read, and when
    poll_seconds: float = Field(120.0, ge=5, description="Seconds between two looks for new spectra.")
    sweep_hours: float = Field(
        12.0, ge=0, description="Hours between two full sweeps for spectra that were shared late; 0 switches them off."
    )
    overlap_seconds: float = Field(
        600.0, ge=0, description="How far each look reaches back behind the last one, in seconds."
    )
    backfill_days: float = Field(
        2.0, ge=0, description="How many days of older spectra the very first look takes in; later ones go on from it."
    )
    batch_size: int = Field(32, ge=1, le=1024, description="How many spectra are classified together.")
    max_attempts: int = Field(
        50, ge=1, description="Attempts at a spectrum or post before it is parked; the waits between them grow to 1 h."
    )
    claim_seconds: float = Field(
        120.0,
        ge=60,
        description="After how many seconds another worker may take over the work of one that vanished; while a worker "
        "lives it renews its claims.",
    )

    # What counts as a usable spectrum
    min_coverage: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Share of 3850-9000 A that a spectrum must cover to be classified; below 0.8 only with a model "
        "that is calibrated for such spectra.",
    )
    min_snr: float = Field(1.2, ge=0, description="Median signal-to-noise per pixel below which nothing is said.")
    min_points: int = Field(30, ge=2, description="Fewest pixels a spectrum may have.")
    max_points: int = Field(1_000_000, ge=2, description="Most pixels a spectrum may have.")
    max_gap_steps: float = Field(
        5.0, gt=1, description="A step between pixels is a gap when longer than this many median steps."
    )
    max_gap_angstrom: float = Field(50.0, gt=0, description="... and longer than this many Angstrom.")
    max_missing: float = Field(0.2, ge=0, le=1, description="Largest share of flux values that may be missing.")
    max_negative: float = Field(
        0.3, ge=0, le=1, description="Largest share of negative flux; more means a subtracted continuum or no signal."
    )
    min_spread: float = Field(
        0.02, ge=0, description="Least (p95 - p5) / |median| of the flux; below it a spectrum is flat."
    )
    min_distinct: int = Field(10, ge=1, description="Fewest different flux values; fewer are a placeholder.")
    max_zero: float = Field(0.2, ge=0, le=1, description="Largest share of flux values that are exactly zero.")
    max_peak: float = Field(100.0, gt=1, description="Largest |flux| over its 99th percentile; more is a cosmic ray.")
    max_range: float = Field(1e4, gt=1, description="Largest |flux| over the median; more is the value for nothing.")
    rest_frame_snr: float = Field(
        7.0, gt=0, description="Height over the noise of lines at rest wavelengths that betrays a rest-frame spectrum."
    )
    max_flux: float = Field(1e30, gt=0, description="Largest |flux| in any unit; more is no physical flux.")
    min_flux: float = Field(1e-35, ge=0, description="Least of the largest |flux| in any unit; less runs under.")

    # The answer
    bundle: Path | None = Field(None, description="Folder of the model bundle; empty for the one that is shipped.")
    alpha: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Error rate: of the prediction set, of AD-MCP, and twice it the share of ordinary spectra that are "
        "not sure enough for COMMIT.",
    )
    false_alarm_rate: float = Field(
        0.01,
        gt=0,
        le=0.1,
        description="Share of ordinary spectra that may be flagged as anomalous; five times as many become an ALERT.",
    )
    regime: Literal["anchor", "per_seed", "seed_union"] = Field(
        "anchor",
        description="When a spectrum counts as anomalous: anchor (mean of the seeds' scores, at FALSE_ALARM_RATE), "
        "per_seed (half of the seeds, each at that rate), seed_union (any seed: more finds and more false alarms).",
    )
    spectra_per_night: float = Field(
        20.0, ge=0, description="How many spectra a usual night brings; `astranet doctor` turns it into false alarms."
    )
    dry_run: bool = Field(True, description="true composes, stores and shows everything and sends nothing.")
    post_refusals: bool = Field(False, description="Also write on refused spectra why there is no class.")
    post_cards: bool = Field(
        True, description="Attach one picture with everything about it to each spectrum whose policy is ALERT."
    )
    post_classification: bool = Field(
        False,
        description="Also add an ML classification to the source, of COMMIT answers only; it can start other people's "
        "follow-up.",
    )
    min_classification_probability: float = Field(
        0.9, ge=0, le=1, description="Least probability of a class that becomes an ML classification."
    )

    post_tags: bool = Field(
        False,
        description="Also tag sources: ASTRANetALERT, or ASTRANet and the class when it is sure (COMMIT). Who has "
        "the right Manage sources makes the tag options first; `astranet doctor` names them.",
    )

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

    # The night's note
    note_hour_utc: int = Field(15, ge=0, le=23, description="Hour (UTC) at which the draft of the night is written.")
    note_authors: str = Field("", description="Authors of the draft, as they should stand in it.")
    output_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("astranet") / "output",
        description="Folder for drafts and pages.",
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
        ("tns", "marshal"),
        description="Who is believed about what an object is, first one first: tns, marshal. Who is left out does not "
        "count. Classes that people gave with a probability below 0.5 never do.",
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
