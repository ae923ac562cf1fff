"""The trials, short; and that their check sees what is wrong when something is."""

import random
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from plugin.cli import app as astranet
from plugin.sandbox import Sandbox
from plugin.sandbox.trials.chaos import chaos, in_words
from plugin.sandbox.trials.check import Posted, Verdict, compare, look_into
from plugin.sandbox.trials.load import Measured, load
from plugin.sandbox.trials.worker import Place, service
from plugin.sandbox.trials.world import World


@pytest.fixture
def answered(tmp_path):
    """A sandbox that the service has answered, and where."""
    with Sandbox() as sandbox:
        world = World(sandbox, random.Random(1))
        for _ in range(12):
            world.upload()
        place = Place(
            url=sandbox.url,
            token=sandbox.token,
            group_id=sandbox.group_id,
            database=f"sqlite:///{tmp_path / 'a.sqlite'}",
            folder=tmp_path,
        )
        with service(place) as app:
            app.once()
        yield sandbox, place


def test_a_check_of_an_undisturbed_service_finds_nothing(answered, tmp_path):
    sandbox, place = answered
    found = Posted.on(sandbox)
    assert sum(map(len, found.annotations.values())) == 12 + len({s.obj_id for s in sandbox.state.spectra.values()})
    assert found.comments
    assert found.classifications
    verdict = compare(found, found, ())
    with service(place) as app:
        look_into(app.store, app.store, verdict)
    assert verdict.good


def test_a_check_sees_what_is_lost_twice_and_corrupt(answered):
    sandbox, place = answered
    wanted, state = Posted.on(sandbox), sandbox.state
    first, second, third = (a for a in state.annotations if a.spectrum_id in (1, 2, 3))
    state.annotations.remove(first)
    state.annotations.append(replace(second, id=9999))
    third.data = {**third.data, "p": 0.123}
    verdict = compare(Posted.on(sandbox), wanted, ())
    assert [len(lines) for lines in (verdict.lost, verdict.twice, verdict.corrupt)] == [1, 1, 1]
    (comment,) = (c for c in state.comments[:1])
    state.comments.append(replace(comment, id=9999))
    assert len(compare(Posted.on(sandbox), wanted, ()).twice) == 2
    with service(place) as app:
        with app.store.begin() as unit:
            unit.objects.watch(["ZTF26forgotten"], app._clock(), saved=False)
            unit.objects.ask(["ZTF26forgotten"], app._clock())
        verdict = Verdict()
        look_into(app.store, app.store, verdict)
    assert verdict.lost == ["queue: ZTF26forgotten is new"]


@pytest.mark.parametrize(
    ("backend", "workers", "cycles", "lasair"),
    [("sqlite", 1, 8, True), ("sqlite", 1, 8, False), ("postgres", 3, 15, True)],
)
def test_cycles_that_are_killed_lose_nothing(backend, workers, cycles, lasair, tmp_path, request):
    address = f"sqlite:///{tmp_path / 'a.sqlite'}"
    if backend == "postgres":
        address = request.getfixturevalue("postgres").database()
    told = chaos(address, cycles=cycles, workers=workers, seed=3, lasair=lasair)
    assert told.cycles == cycles
    assert told.killed
    assert told.verdict.answers > cycles
    assert told.good, in_words(told, address, workers, 3)


def test_many_spectra_at_once_keep_the_pace(postgres):
    """Memory is judged by the long trial: in a short one the first requests are still warming up."""
    found = load(postgres.database(), spectra=24, workers=2, speed=6.0)
    assert (found.answered, found.refused) == (24, 0)
    assert found.busiest_10_s <= 50.0
    assert all(100.0 < memory < 1000.0 for mark in found.marks for memory in mark)
    assert len(found.marks[-1]) == 2
    assert "24 answered" in str(found)


def test_workers_that_die_are_told_and_not_waited_for():
    found = load("postgresql+psycopg://nobody@127.0.0.1:1/nothing", spectra=2, workers=2)
    assert (found.answered, found.broken, found.good) == (0, 2, False)
    assert "2 workers ended by themselves" in str(found)


def test_what_is_good():
    good = Measured(spectra=2, workers=1, speed=1.0, answered=2, marks=[[100.0, 90.0], [104.0, 90.0]])
    assert good.good
    assert not replace(good, refused=1).good
    assert not replace(good, answered=1).good
    assert not replace(good, broken=1).good
    assert not replace(good, busiest_10_s=51.0).good
    assert not replace(good, marks=[[100.0], [106.0]]).good


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chaos", "--workers", "2"), "SQLite serves one process"),
        (("load", "--postgres", "--database", "sqlite://"), "not both"),
    ],
)
def test_commands_say_what_they_need(arguments, words):
    result = CliRunner().invoke(astranet, ["sandbox", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert words in result.output


def test_the_command_tells_what_it_did_and_ends_accordingly(tmp_path):
    result = CliRunner().invoke(astranet, ["sandbox", "chaos", "--cycles", "2", "--seed", "5"])
    assert result.exit_code == 0, result.output
    assert "sqlite, 1 worker, seed 5: 2 cycles" in result.output
    assert "0 lost, 0 twice, 0 corrupt" in result.output
