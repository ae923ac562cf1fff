"""Periods: every night is in one, and each is due once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.notes import Night, Period
from plugin.notes.period import MOST, due

EVERY = st.sampled_from(["day", "week"])
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


@given(DAYS, EVERY)
def test_a_period_holds_its_night_and_reads_back(day, every):
    period = Period.around(Night(day), every)
    assert period.first <= Night(day) <= period.last
    assert Period.parse(str(period)) == period
    assert period.after(every).start == period.end
    assert (period.end - period.start) == timedelta(days=7 if every == "week" else 1)
    assert period.first.day.weekday() == 0 or every == "day"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), EVERY)
def test_the_last_one_is_over_and_the_next_is_not(moment, every):
    aware = moment.replace(tzinfo=UTC)
    period = Period.before(moment, every)
    assert period.end <= aware < period.after(every).end


@given(DAYS, EVERY, st.integers(0, 20))
def test_each_is_due_once_however_often_it_is_asked(day, every, nights):
    now = datetime.combine(day, datetime.min.time()) + timedelta(hours=15)
    (first,) = due(None, now, every)
    done, found = str(first.last), []
    for _ in range(nights):
        now += timedelta(days=1)
        for period in due(done, now, every):
            found.append(period)
            done = str(period.last)
        assert due(done, now, every) == []
    assert found == sorted(set(found))
    assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]


def test_a_long_absence_is_made_up_for_only_so_far():
    found = due("2026-01-01", datetime(2026, 6, 11, 15), "day")
    assert len(found) == MOST
    assert str(found[-1]) == "2026-06-10"


@pytest.mark.parametrize("text", ["", "x", "2026-06-10_", "2026-06-14_2026-06-08", "2026-06-10_2026-06-10", "20260610"])
def test_what_is_no_period_is_not_read_as_one(text):
    with pytest.raises(ValueError):
        Period.parse(text)
