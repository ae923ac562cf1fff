"""The checker: what it finds in a draft that breaks one rule each, and nothing in one that keeps them all."""

from dataclasses import replace

import pytest

from plugin.notes import Byline, compose
from plugin.notes.checker import check
from plugin.notes.wording import APPROVER
from tests.fakes.notes import AS_OF, CLASSES, NIGHT, entry


def made(*, simulated=False):
    entries = [entry("a", label="TDE"), entry("b", simulated=simulated), entry("c")]
    return compose(CLASSES, NIGHT, entries, as_of=AS_OF, byline=Byline(authors="A. Bee (Institute)"))


DRAFT = made()
ROW = DRAFT.related[0]


def said(old, new, *, where=("title", "abstract", "body")):
    changes = {name: getattr(DRAFT, name) for name in where}
    plain = {k: v.replace(old, new) for k, v in changes.items() if isinstance(v, str)}
    body = {k: tuple(p.replace(old, new) for p in v) for k, v in changes.items() if isinstance(v, tuple)}
    return replace(DRAFT, **plain, **body)


def without(word):
    return replace(
        DRAFT,
        abstract=". ".join(s for s in DRAFT.abstract.split(". ") if word not in s),
        body=tuple(". ".join(s for s in p.split(". ") if word not in s) for p in DRAFT.body),
    )


def test_what_we_write_keeps_every_rule():
    assert check(DRAFT) == []
    assert check(made(simulated=True)) == []


def test_an_approved_note_has_a_name_where_the_mark_was():
    assert any("approved" in one for one in check(DRAFT, approved=True))
    named = said(APPROVER, "A. Bee", where=("authors", "body"))
    assert check(named, approved=True) == []
    assert any("Nobody has approved" in one for one in check(named))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(DRAFT, abstract=DRAFT.abstract + "x" * 1000), "the TNS takes 1000"),
        (replace(DRAFT, abstract=DRAFT.abstract + " <b>now</b>"), "The abstract must be plain text"),
        (replace(DRAFT, abstract=DRAFT.abstract + "\nnow"), "The abstract must be plain text"),
        (replace(DRAFT, abstract=DRAFT.abstract + " &amp;"), "The abstract must be plain text"),
        (replace(DRAFT, title=DRAFT.title + "<i>"), "The title must be plain text"),
        (replace(DRAFT, title=" "), "has no title"),
        (replace(DRAFT, abstract=""), "has no abstract"),
        (replace(DRAFT, keywords=()), "has no keyword"),
        (replace(DRAFT, type="Discovery"), "no type of note called 'Discovery'"),
        (replace(DRAFT, authors=""), "has no authors"),
        (replace(DRAFT, related=()), "nothing to announce"),
        (replace(DRAFT, related=DRAFT.related[1:]), "says 1 TDE candidates; the table has 0"),
        (replace(DRAFT, related=(*DRAFT.related, ROW)), "a stands in the table 2 times"),
        (said("2 SN Ia candidates", "3 SN Ia candidates", where=("body",)), "says 3 SN Ia candidates; the table has 2"),
        (said("1 TDE candidate and ", "", where=("title",)), "The title does not say how many objects"),
        (said("2 SN Ia candidates", "some SNe", where=("abstract",)), "The abstract does not say how many objects"),
        (said("1 TDE candidate", "1 TDE", where=("body",)), "counts TDE without the word candidate"),
        (replace(DRAFT, related=(replace(ROW, obj_type="TDE"), *DRAFT.related[1:])), "only a candidate may be"),
        (replace(DRAFT, related=(replace(ROW, more=()), *DRAFT.related[1:])), "7 cells; the table has 10"),
        (replace(DRAFT, related=(replace(ROW, name="a", ra=""), *DRAFT.related[1:])), "neither a name of the TNS nor"),
        (replace(DRAFT, bundle=""), "has no version of a model"),
        (said("compact-1@abc", "the usual one"), "the version of the model: compact-1@abc"),
        (without("0.6"), "does not state a threshold"),
        (without("urity"), "does not state the measured purity"),
        (without("2026-06-11 12:05"), "as of 2026-06-11 12:05 UT"),
        (without("left out"), "people have classified are left out"),
        (replace(DRAFT, simulated=True), "title, abstract and body must each say so"),
        (replace(DRAFT, body=(*DRAFT.body, "The policy is ALERT.")), "says 'ALERT'"),
        (replace(DRAFT, body=(*DRAFT.body, "The p-value is small.")), "says 'p-value'"),
    ],
)
def test_each_broken_rule_is_one_sentence(broken, says):
    found = check(broken)
    assert [one for one in found if says in one], found
    assert all(one.endswith(".") for one in found)


def test_words_of_a_model_are_not_ours():
    assert check(said("compact-1@abc", "bundle-1@abc", where=("title", "abstract", "body", "bundle"))) == []
    assert check(replace(DRAFT, body=(*DRAFT.body, "H-alpha is broad; see the survey's alerts."))) == []
