"""Settings about Lasair, and about objects that nobody has saved: what passed a broker's filter or topic."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from plugin.setting_outward import OutwardFields
from plugin.setting_types import Address, Words


class StreamFields(OutwardFields):
    """Shown after all others."""

    # Lasair: a source of alerts, and a place to answer
    lasair_survey: Literal["ZTF", "LSST"] = Field(
        "ZTF", description="Which Lasair: ZTF's or LSST's (Rubin's); it decides the address and the methods."
    )
    lasair_url: Address | None = Field(
        None, description="Address of Lasair's API; empty for the public one of LASAIR_SURVEY."
    )
    lasair_token: SecretStr | None = Field(None, description="API token of a Lasair account, from its profile page.")
    lasair_token_file: Path | None = Field(
        None, description="File that holds it; instead of LASAIR_TOKEN, for container secrets."
    )
    lasair_calls_per_hour: int = Field(
        100, ge=4, description="Calls an hour that the token is allowed: 100, or 10000 for a power user."
    )
    lasair_topic: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="Topic of a stored filter whose alerts are followed, such as lasair_2SN-likecandidates.",
    )
    lasair_kafka: str | None = Field(
        None, description="Lasair's Kafka servers (host:port) to read the topic from; empty to read it over REST."
    )
    lasair_kafka_group: str = Field(
        "astranet", description="Kafka consumer group at Lasair. It remembers what was read."
    )
    lasair_filter: str | None = Field(
        None,
        description="Instead of a topic, a filter of one's own: the conditions of a WHERE, such as objects.ncand >= 3.",
    )
    lasair_tables: str = Field("objects", description="Tables of Lasair's that LASAIR_FILTER names, with commas.")
    lasair_annotator: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="Topic of the annotator that Lasair's team made for the account; NEEDLE's answers go there. Empty: "
        "nothing is written to Lasair.",
    )

    # Every alert of a filter or topic, whoever saved it
    watch_alerts: bool = Field(
        False,
        description="Also follow what nobody saved: every object that the filter or topic lets through (lasair, kafka, "
        "avro). It is answered on file, on the pages and at Lasair, and not on the marshal.",
    )
    watch_min_detections: int = Field(
        2, ge=1, description="Of what nobody saved, fewer positive detections than this are let go."
    )
    watch_fading_days: float = Field(
        10.0, gt=0, description="... and what has been fading for more days than this since its brightest detection."
    )
    watch_classified: bool = Field(False, description="true follows what nobody saved also when the TNS has a type.")
    watch_stars: bool = Field(
        False, description="true follows what nobody saved also at the place of a star (by its nearest source)."
    )
    watch_not_sherlock: Words = Field(
        ("VS", "BS"), description="Sherlock's classes of which nothing is followed that nobody saved, with commas."
    )
    needle_threshold: float = Field(
        0.8, gt=0.5, lt=1, description="Score from which NEEDLE's class is a candidate, at Lasair and in the record."
    )
    objects_per_cycle: int = Field(
        300, ge=1, description="Most objects that are answered in one cycle, lest other work waits for them."
    )
