"""The report card for Prometheus, as it was written last: shares with their intervals, and behind each its objects.

Names of instruments and bundles come from elsewhere and are no labels here; they are on the card.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily, Metric

_BY: Final = ("class", "said", "policy", "domain", "snr")
_LABELLED: Final = ("before", "after")
"""Whether the labels were given before or after our answer could be read."""
_BOUNDS: Final = ("value", "low", "high")


def card_families(card: Mapping[str, Any], now: datetime) -> Iterator[Metric]:
    """Every family of a card, see `plugin.truth.card.part.make_card`; a figure of too few objects is left out."""
    age = (now - datetime.fromisoformat(card["made_at"])).total_seconds()
    yield GaugeMetricFamily(
        "astranet_report_card_age_seconds", "How long ago the report card was made.", value=max(age, 0.0)
    )
    right = GaugeMetricFamily(
        "astranet_report_card_right",
        "Share of objects whose class is the one that people say, and its 95 % interval.",
        labels=["labelled", "by", "of", "bound"],
    )
    objects = GaugeMetricFamily(
        "astranet_report_card_objects", "Objects behind that share.", labels=["labelled", "by", "of"]
    )
    coverage = GaugeMetricFamily(
        "astranet_report_card_coverage",
        "Share of objects whose class is in the set, and its 95 % interval; 1 - alpha is promised.",
        labels=["labelled", "alpha", "bound"],
    )
    kept = GaugeMetricFamily(
        "astranet_report_card_promise_kept",
        "1 unless chance hardly ever puts the coverage of the sets so low.",
        labels=["labelled", "alpha"],
    )
    for labelled in _LABELLED:
        part = card[labelled]
        every = [("all", "all", part["right"])]
        every += [(by, of, found) for by in _BY for of, found in part["by"][by].items()]
        for by, of, found in every:
            objects.add_metric([labelled, by, of], found["objects"])
            _bounds(right, found, labelled, by, of)
        for found in part["coverage"]:
            alpha = f"{found['alpha']:g}"
            _bounds(coverage, found, labelled, alpha)
            if found["kept"] is not None:
                kept.add_metric([labelled, alpha], float(found["kept"]))
    yield from (right, objects, coverage, kept)
    yield from _alerts(card)


def _alerts(card: Mapping[str, Any]) -> Iterator[Metric]:
    purity = GaugeMetricFamily(
        "astranet_report_card_alert_purity",
        "Share of alerted objects that vetters call interesting, or people a rare type, and its 95 % interval.",
        labels=["by", "bound"],
    )
    told = card["alerts"]
    for by, found in (("vetters", told["by_vetters"]), *(told["by_truth"].items())):
        _bounds(purity, found, f"labels {by}" if by in _LABELLED else by)
    words = GaugeMetricFamily("astranet_report_card_alerts", "Alerts by the vetters' verdict.", labels=["verdict"])
    for word, number in told["words"].items():
        words.add_metric([word], number)
    needle = GaugeMetricFamily(
        "astranet_report_card_needle_right",
        "Share of objects whose class by NEEDLE is the one that people say, and its 95 % interval.",
        labels=["labelled", "bound"],
    )
    for labelled in _LABELLED:
        _bounds(needle, card["needle"][labelled]["right"], labelled)
    yield from (purity, words, needle)


def _bounds(family: GaugeMetricFamily, found: Mapping[str, Any], *labels: str) -> None:
    if found["value"] is None:
        return
    for bound in _BOUNDS:
        family.add_metric([*labels, bound], found[bound])
