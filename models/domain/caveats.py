"""Why an answer is missing or weaker than usual: a closed list, so that every refusal can be counted and explained."""

from dataclasses import dataclass
from enum import StrEnum


class CaveatCode(StrEnum):
    """Every reason the service can give. Those in `REFUSALS` mean that there is no spectral answer."""

    # What came is not a spectrum.
    EMPTY = "empty"
    TOO_FEW_POINTS = "too_few_points"
    NOT_NUMBERS = "not_numbers"
    UNEQUAL_LENGTHS = "unequal_lengths"
    INFINITE_VALUES = "infinite_values"
    TOO_MANY_GAPS = "too_many_gaps"
    UNSORTED = "unsorted"
    DUPLICATED_WAVELENGTHS = "duplicated_wavelengths"
    UNREADABLE = "unreadable"
    # It is a spectrum, but not one this network can answer for.
    WRONG_UNIT = "wrong_unit"
    LOW_COVERAGE = "low_coverage"
    FLAT = "flat"
    MOSTLY_NEGATIVE = "mostly_negative"
    OUT_OF_RANGE = "out_of_range"
    LOW_SNR = "low_snr"
    HOST_SPECTRUM = "host_spectrum"
    REST_FRAME = "rest_frame"
    # There is an answer; this qualifies it.
    UNITS_UNKNOWN = "units_unknown"
    REPAIRED = "repaired"
    GUESSED = "guessed"
    METADATA_IGNORED = "metadata_ignored"
    NO_SPECTRUM = "no_spectrum"
    NO_LIGHT_CURVE = "no_light_curve"
    NO_CUTOUTS = "no_cutouts"
    NO_HOST = "no_host"
    BAD_IMAGE = "bad_image"
    IMAGE_RESTORED = "image_restored"
    NOT_AVAILABLE = "not_available"
    SMALL_CALIBRATION = "small_calibration"
    UNLIKE_CALIBRATION = "unlike_calibration"
    PARTIAL_COVERAGE = "partial_coverage"
    BY_STRATEGY = "by_strategy"


REFUSALS = frozenset(
    {
        CaveatCode.EMPTY,
        CaveatCode.TOO_FEW_POINTS,
        CaveatCode.NOT_NUMBERS,
        CaveatCode.UNEQUAL_LENGTHS,
        CaveatCode.INFINITE_VALUES,
        CaveatCode.TOO_MANY_GAPS,
        CaveatCode.UNSORTED,
        CaveatCode.DUPLICATED_WAVELENGTHS,
        CaveatCode.UNREADABLE,
        CaveatCode.WRONG_UNIT,
        CaveatCode.LOW_COVERAGE,
        CaveatCode.FLAT,
        CaveatCode.MOSTLY_NEGATIVE,
        CaveatCode.OUT_OF_RANGE,
        CaveatCode.LOW_SNR,
        CaveatCode.HOST_SPECTRUM,
        CaveatCode.REST_FRAME,
    }
)
"""Codes after which a spectrum gets no class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One reason, in one sentence an astronomer can read.

    Parameters
    ----------
    code : CaveatCode
        The kind, for counting and filtering.
    text : str
        The sentence, with the numbers: "coverage 61 % of 3850-9000 A, 80 % needed".
    """

    code: CaveatCode
    text: str

    @property
    def refuses(self) -> bool:
        """Whether this leaves the spectrum without a class."""
        return self.code in REFUSALS
