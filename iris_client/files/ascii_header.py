"""What stands above the numbers of a text table: the names of the columns, their units, and remarks.

A line gives names only if it gives as many as the table has columns, and at least one that is understood. What is a
sentence is no list of names, however many words it has.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from iris_client.files.ascii_cells import Dialect
from iris_client.files.names import WORD, understood
from iris_client.quality.units import is_unit

_SENTENCE_WORDS: Final = (
    "and of the is are was were with for this that from to by as at on vs versus which where have has been not be or "
    "your please file"
)
_SENTENCE: Final = frozenset(_SENTENCE_WORDS.split())
_PREFIX: Final = re.compile(r"^[^:=]{1,40}[:=]\s*(?=\S)")
_TITLE: Final = re.compile(
    r"^[\w\s]{0,20}\b(?:col(?:umn)?s?|fields?|names?|header|table)\s*(?:are|is)?\s*[:=]\s*", re.IGNORECASE
)
_NUMBERED: Final = re.compile(
    r"^(?:col(?:umn)?s?|field|ttype)?\s*[#(\[]?\s*(\d{1,2})\s*[)\]]?\s*[:=.,)-]?\s+(?=\D)|"
    r"^(?:col(?:umn)?|field|ttype)\s*(\d{1,2})\s*[:=.)-]?\s*",
    re.IGNORECASE,
)
_INLINE_NUMBER: Final = re.compile(
    r"(?:^|[\s,;])(?:col(?:umn)?\.?\s*)?[(\[]?(\d{1,2})[)\]:.=]*\s*(?=[A-Za-zλσ])", re.IGNORECASE
)
_UNIT_LINE: Final = re.compile(
    r"(?P<a>wave\w*|lambda|flux\w*|bunit|cunit1|wat\w*)[\s_-]*(?:unit\w*)?\s*(?:\(?in\)?|[:=]|are|is)\s*(?P<u>[^,;]{1,60})",
    re.IGNORECASE,
)
_AT_REST: Final = re.compile(
    r"rest[\s_-]*(?:frame|wave\w*|lambda)|(?:frame|wave\w*)\W{1,4}(?:is |are )?(?:at |in )?(?:the )?rest\b|"
    r"de-?redshift\w*|corrected (?:for|to) (?:the )?(?:host |galaxy |cosmological )?(?:redshift|rest)|"
    r"(?:shifted|brought|moved|transformed) to (?:the )?(?:rest|z\s*=\s*0(?![.\d]))|\b(?:redshift|z)[\s-]corrected",
    re.IGNORECASE,
)
_NOT_AT_REST: Final = re.compile(
    r"\b(?:not|no|never)\b\W{1,3}(?:\w+\W+){0,4}?(?:rest|de-?redshift|corrected|shifted)|observer|observed|"
    r"(?:rest[\s_-]*frame|de-?redshift\w*)\W{1,4}(?:no|false|f|0|n)\b",
    re.IGNORECASE,
)
_ECSV: Final = re.compile(r"-\s*\{\s*name:\s*(?P<n>'[^']*'|\"[^\"]*\"|[^,}]+)(?:.*?\bunit:\s*(?P<u>'[^']*'|[^,}]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header, understood.

    Parameters
    ----------
    names : list of str
        One per column; empty when no line gives them.
    units : list of str or None
        One per name.
    doubted : str or None
        A line that speaks of wavelength and flux and is not believed, because it does not fit the columns.
    other_before_flux : bool
        Whether that line speaks of a sky, counts or the like before it speaks of the flux.
    flux_unit, wavelength_unit : str or None
        As a remark gives them.
    rest_frame : str or None
        The remark that says that the wavelengths are at rest.
    """

    names: list[str] = field(default_factory=list)
    units: list[str | None] = field(default_factory=list)
    doubted: str | None = None
    other_before_flux: bool = False
    flux_unit: str | None = None
    wavelength_unit: str | None = None
    rest_frame: str | None = None


def read_header(lines: Sequence[str], width: int, dialect: Dialect, *, index: bool = False) -> Header:
    """Understand the lines above a table.

    Parameters
    ----------
    lines : sequence of str
        As they stand in the file.
    width : int
        Columns of the table.
    index : bool
        Whether its first column counts the rows, so that it may have no name.
    """
    bare = [_uncommented(line) for line in lines]
    ecsv = _of_ecsv(bare)
    listed = _one_a_line(bare, width)
    names: list[str] = list(listed)
    units: list[str | None] = [None] * len(names)
    doubted = None
    for number, line in enumerate([] if listed else bare):
        found = next((n for n in _readings(line, dialect) if _predicted(n, width, index)), None)
        if found is not None and not (names and all(is_unit(word) or not word.strip() for word in found)):
            names = found if len(found) == width else [*[""] * (width - len(found)), *found]
            below = _units_below(bare[number + 1 : number + 3], width, len(found), dialect)
            units = below or [ecsv.get(name) for name in names]
        elif _speaks_of_columns(line) or (number == len(bare) - 1 and _could_be_names(line, width, dialect)):
            doubted = line.strip()[:80]
    remarks = dict(_unit_remarks(bare))
    return Header(
        names=names,
        units=units,
        doubted=None if names else doubted,
        other_before_flux=doubted is not None and _other_before_flux(doubted),
        flux_unit=remarks.get("flux"),
        wavelength_unit=remarks.get("wavelength"),
        rest_frame=next((f"the file says {line.strip()[:70]!r}" for line in bare if at_rest(line)), None),
    )


def at_rest(line: str) -> bool:
    """Whether a remark says that the wavelengths are those of the rest frame."""
    return bool(_AT_REST.search(line)) and not _NOT_AT_REST.search(line)


def _uncommented(line: str) -> str:
    return re.sub(r"^\s*(?:#+|%+|!+|//+|;+|\\+|\*+(?=\s))\s*", "", line).strip()


def _of_ecsv(lines: Sequence[str]) -> dict[str, str]:
    found = (_ECSV.match(line) for line in lines)
    return {m["n"].strip("'\" "): m["u"].strip("'\" ") for m in found if m is not None and m["u"]}


def _one_a_line(lines: Sequence[str], width: int) -> list[str]:
    """Names as `# 1 WAVELENGTH` or `column 2: flux`, one a line, all numbers from one to the width."""
    found: dict[int, str] = {}
    for line in lines:
        match = _NUMBERED.match(line)
        if match is not None:
            found.setdefault(int(match.group(1) or match.group(2)), line[match.end() :].strip())
    start = 0 if 0 in found else 1
    if width < 2 or sorted(found) != list(range(start, start + width)):
        return []
    names = [_first_name(found[i]) for i in range(start, start + width)]
    return names if any(_role(name) in _KNOWN for name in names) else []


def _first_name(text: str) -> str:
    """The name in `flux   calibrated flux of the object [erg/s/cm2/A]`: the first words that have a role."""
    tokens = _tokens(text)
    known = next((t for t in tokens if _role(t)), tokens[0] if tokens else "")
    bracket = re.search(r"[(\[{].*[)\]}]", text)
    return f"{known} {bracket.group()}" if bracket and not re.search(r"[(\[{]", known) else known


_AXES: Final = frozenset({"wavelength", "log_wavelength", "ln_wavelength", "frequency"})
_KNOWN: Final = _AXES | {"flux", "log_flux", "counts", "error", "variance", "ivar"}


def _role(name: str) -> str:
    return understood(name).role


def _readings(line: str, dialect: Dialect) -> Iterator[list[str]]:
    """The names in a line, in the ways it can be read, the most literal first."""
    for text in dict.fromkeys([_TITLE.sub("", line), line, _PREFIX.sub("", line), _INLINE_NUMBER.sub(" ", line)]):
        for separator in dict.fromkeys([dialect.separator, "|", "&", ";", "\t", ","]):
            if separator and separator in text:
                yield [cell.strip().strip("\"'").strip() for cell in _split(text, separator)]
        wide = [part.strip() for part in re.split(r"\s{2,}|\t", text.strip()) if part.strip()]
        if len(wide) > 1:
            yield wide
        words = _tokens(text)
        yield words
        yield _with_units(text)
        joined = _joined(words)
        yield joined
        yield _with_errors(joined)


def _split(text: str, separator: str) -> list[str]:
    """Split outside brackets and quotes."""
    text = text.strip().strip("|") if separator == "|" else text
    parts, depth, quote, now = [], 0, "", ""
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c == '"':
            quote = c
        else:
            depth += (c in "([{") - (c in ")]}" and depth > 0)
        if c == separator and not depth and not quote:
            parts.append(now)
            now = ""
        else:
            now += c
    return [*parts, now]


def _tokens(text: str) -> list[str]:
    """Words, each with the remark in brackets or quotes that follows it."""
    found: list[str] = []
    for match in re.finditer(r'"[^"]*"|[(\[{][^)\]}]*[)\]}]\S*|[^\s,;|(\[{"]+(?:[(\[{][^)\]}]*[)\]}][^\s,;|]*)?', text):
        word = match.group()
        if found and word[0] in "([{":
            found[-1] += f" {word}"
        else:
            found.append(word.strip('"'))
    return found


def _joined(words: list[str]) -> list[str]:
    """`Observed Wavelength Rest Wavelength Sky Flux`: a word that only qualifies belongs to the next."""
    found: list[str] = []
    held = ""
    for word in words:
        held = f"{held} {word}".strip()
        if word.lower() not in _QUALIFIERS:
            found.append(held)
            held = ""
    return [*found, held] if held else found


def _with_errors(words: list[str]) -> list[str]:
    """`Flux Flux error`: the error belongs to the word before it, which is a second one of its kind."""
    found: list[str] = []
    for i, word in enumerate(words):
        again = i > 1 and _role(words[i - 1]) == "flux" and any(_role(w) == "flux" for w in words[: i - 1])
        if again and _role(word) in ("error", "variance", "ivar"):
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word)
    return found


_QUALIFIERS: Final = frozenset(
    {"observed", "obs", "observer", "rest", "restframe", "rest-frame", "air", "vacuum", "vac", "sky", "model", "raw",
     "calibrated", "corrected", "background", "inverse", "log", "log10", "total", "normalized", "smoothed"}
)  # fmt: skip


def _with_units(text: str) -> list[str]:
    """`Wavelength / A  Flux / erg s-1 cm-2 A-1  Error`: what follows a slash, up to the next name, is its unit."""
    found: list[str] = []
    in_unit = False
    for word in _tokens(text):
        if word == "/" and found:
            found[-1] += " / "
            in_unit = True
        elif in_unit and not _role(word):
            found[-1] += f" {word}"
        else:
            in_unit = False
            found.append(word)
    return found


def _predicted(names: list[str], width: int, index: bool) -> bool:
    if len(names) != width and not (index and len(names) == width - 1):
        return False
    plain = [re.sub(r"[(\[{].*", "", name).lower() for name in names]
    if any(_SENTENCE & set(name.split()) for name in plain) or any(_is_number(name) for name in names):
        return False
    if any(len(name) > 60 for name in plain):
        return False
    known = [_role(name) for name in names]
    return sum(role in _KNOWN for role in known) >= min(2, width - 1) or bool({"flux", "wavelength"} & set(known))


def _is_number(text: str) -> bool:
    return isinstance(Dialect("").cell(text), float) and bool(text)


def _units_below(lines: Sequence[str], width: int, found: int, dialect: Dialect) -> list[str | None]:
    """The units in the line below the names; empty when it holds none."""
    for line in lines:
        for words in _readings(line, dialect):
            units = [word.strip("()[]{} ") for word in words]
            if (
                len(units) == found
                and any(map(is_unit, units))
                and not any(_role(w) in _KNOWN - {"wavelength"} for w in units)
            ):
                return [*[None] * (width - found), *(unit if is_unit(unit) else None for unit in units)]
    return []


def _could_be_names(line: str, width: int, dialect: Dialect) -> bool:
    """Whether the line above the numbers gives one word per column, of which none is understood."""
    words = _tokens(line) if not dialect.separator else [cell.strip() for cell in _split(line, dialect.separator)]
    return len(words) == width and not any(_is_number(word) for word in words) and bool(re.search("[A-Za-z]", line))


def _other_before_flux(line: str) -> bool:
    roles = [_role(word) for word in re.findall(r"[^\W\d][\w-]*", line)]
    before = roles[: roles.index("flux")] if "flux" in roles else roles
    return any(role in ("sky", "counts", "other", "index", "mask", "error", "ivar", "variance") for role in before)


def _speaks_of_columns(line: str) -> bool:
    roles = {_role(word) for word in re.findall(r"\w+", line) if word.lower() in WORD}
    return "flux" in roles and bool(roles & {"wavelength"})


def _unit_remarks(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Units as remarks give them: `Flux unit: erg/s/cm2/A`, `BUNIT = 'Jy'`, `units of flux: mJy`."""
    for line in lines:
        turned = re.match(r"units?\s+(?:of|for)\s+(\w+)\s*[:=]?\s*(.+)", line, re.IGNORECASE)
        match = _UNIT_LINE.search(line)
        pairs = [turned.groups()] if turned else [(match["a"], match["u"])] if match else []
        for what, unit in pairs:
            text = unit.strip().strip("'\"").split(" / ")[0].strip().rstrip(".")
            if is_unit(text):
                yield ("wavelength" if what.lower().startswith(("wave", "lam", "cunit")) else "flux"), text
