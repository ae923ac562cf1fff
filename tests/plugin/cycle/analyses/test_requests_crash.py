"""kill -9 at every step of an analysis that was asked for: the answer arrives once, and is the same."""

import json
import signal

import pytest
from sqlalchemy import create_engine, select

from plugin.store.analyses.tables import analyses
from plugin.store.tables import outbox, queue
from tests.fakes.crash_driver import run
from tests.fakes.requests import FIRST, SECOND, cycle

STEPS = [
    ("plugin.store.analyses.requests:Analyses.add", 1),  # nothing of the request is stored
    ("plugin.store.analyses.requests:Analyses.add", 2),
    ("plugin.store.analyses.requests:Analyses.wake", 1),
    ("plugin.store.spectra:Spectra.ask", 1),  # the request is read, its spectrum is not work yet
    ("plugin.store.queue:Queue.postpone", 1),  # the spectrum is work, the request is still claimed
    ("plugin.store.queue:Queue.postpone", 2),
    ("plugin.cycle.spectra.producer:SpectraProducer.fetch", 1),
    ("plugin.store.reports:Reports.put", 2),
    ("plugin.store.analyses.requests:Analyses.wake", 2),  # reports are on file, the request waits
    ("plugin.cycle.analyses.spectra:SpectraService.say", 1),
    ("plugin.store.analyses.requests:Analyses.keep_plots", 1),  # the answer is made, not committed
    ("plugin.app:App._deliver", 1),  # everything filed, nothing sent
    ("plugin.cycle.analyses.carrier:AnalysisCarrier.send", 1),  # about to send
    ("tests.fakes.hooks:FakeHooks.answer", 2),
    ("plugin.store.analyses.requests:Analyses.end", 1),  # sent, the hook is still here
    ("plugin.store.analyses.requests:Analyses.end", 2),
    ("plugin.store.outbox:Outbox.sent", 1),
    ("plugin.store.outbox:Outbox.sent", 2),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    _, hooks = cycle(folder, f"sqlite:///{folder / 'astranet.sqlite'}")
    assert [hooks.answers[h]["status"] for h in (FIRST, SECOND)] == ["success", "failure"]
    assert hooks.answers[FIRST]["analysis"]["plots"]
    return hooks.answers


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_kill_then_another_cycle(step, number, tmp_path, empty_database, undisturbed):
    assert run(tmp_path, empty_database, step, number, cycle) == -signal.SIGKILL
    _, hooks = cycle(tmp_path, empty_database)
    assert hooks.answers == undisturbed
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        kept = connection.execute(select(analyses.c.ended, analyses.c.hook, analyses.c.inputs, analyses.c.plots)).all()
        states = connection.execute(select(queue.c.state).where(queue.c.subject == "analysis")).scalars().all()
        posts = connection.execute(select(outbox.c.state, outbox.c.body).where(outbox.c.kind == "analysis")).all()
    engine.dispose()
    assert kept == [("answered", None, None, None)] * 2
    assert states == ["done", "done"]
    assert [state for state, _ in posts] == ["sent", "sent"]
    assert "plots" not in json.dumps([body for _, body in posts])
    sent = hooks.refused
    _, hooks = cycle(tmp_path, empty_database)
    assert hooks.answers == undisturbed
    assert hooks.refused == 0  # nothing is sent once more
    assert sent <= 1
