"""The settings themselves: kind, default and what each is for. How they are read is in `plugin.settings`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from plugin.environment import PREFIX
from plugin.setting_types import Address, Hosts, Numbers, Words


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
    alert_source: Literal["none", "marshal", "boom", "avro", "kafka", "lasair"] = Field(
        "none",
        description="Where alerts and cutouts come from: none (no NEEDLE), marshal (/api/brokers), boom (BOOM's REST), "
        "avro (ALERT_DIR), kafka (topics of BOOM or Babamul, needs the extra [boom]), lasair (LASAIR_TOKEN).",
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
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where the networks run: cpu, or cuda for a graphics card; without one the start is refused."
    )
    shadow_bundle: Path | None = Field(
        None,
        description="Folder of a bundle whose answers are filed beside the live ones and never posted, to compare.",
    )
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
    strategy: Literal["within_seed", "cost_sensitive", "tde_priority"] = Field(
        "within_seed",
        description="Which class is named: within_seed (the most probable one), cost_sensitive (rare classes count for "
        "more), tde_priority (a missed TDE counts for five mistakes). Probabilities, sets and p-values stay the same.",
    )
    sets: Literal["lac", "aps"] = Field(
        "lac",
        description="Prediction sets: lac (every class above a threshold; may be empty) or aps (adaptive: never empty, "
        "larger; the networks are then told no redshift, and spectra of a source are not combined).",
    )
    spectra_per_night: float = Field(
        20.0, ge=0, description="How many spectra a usual night brings; `astranet doctor` turns it into false alarms."
    )
    spectra_photometry: bool = Field(
        False,
        description="Also read the light curve of each spectrum's source, for its absolute magnitude: a request more.",
    )
    joined: Literal["off", "proven", "beside"] = Field(
        "beside",
        description="Whether sources also get the class by spectrum and source together, beside that of the spectrum: "
        "off, proven (for the resolutions where it measures better beyond noise), beside (wherever there is evidence).",
    )
    joined_folder: Path | None = Field(
        None, description="Folder of what joins spectrum and source; empty for the one that is shipped."
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
