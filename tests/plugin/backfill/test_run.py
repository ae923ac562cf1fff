"""A run over files: what it answers, that it does nothing twice, and what it costs when somebody is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from iris_client.files.parquet import spectra_in
from iris_client.files.spectra import read_spectra
from models.bundle import load
from models.domain import Report
from models.recalibration.applied import LocalAnalyst
from plugin.backfill import tables
from plugin.backfill.cluster import AHEAD, NoCluster, connected, flow
from plugin.backfill.folder import FolderError, RunFolder, atomically
from plugin.backfill.plan import InputChanged, of_files
from plugin.backfill.run import GIVES_UP, FileInput, summary
from plugin.backfill.work import Job, _answered, answer, of_pieces
from plugin.batch.classify import BATCH, answers
from tests.plugin.backfill.conftest import contents, no_client, write_parquet

pytestmark = pytest.mark.timeout(240)  # workers that do not answer must fail a test and not keep it waiting
ROOT = Path(__file__).parents[3]


def rows(out: Path) -> list[dict]:
    return [row for path in sorted((out / "answers").iterdir()) for row in tables.rows(path)]


def test_partitions_are_of_files_by_name_and_of_rows(archive):
    partitions = list(of_files([archive], spectra=100))
    names = [(Path(p.path).name, p.start, p.stop) for partition in partitions for p in partition.pieces]
    assert names[:6] == [
        ("a.parquet", 0, 100),
        ("a.parquet", 100, 200),
        ("a.parquet", 200, 250),
        ("b.parquet", 0, 100),
        ("b.parquet", 100, 130),
        ("cut.parquet", None, None),
    ]
    assert ".hidden" not in {name for name, _, _ in names}
    assert [p.name for p in partitions] == [f"part-{n:06d}" for n in range(len(partitions))]
    assert sum(p.spectra for p in partitions) == 250 + 130 + 1 + 14
    with pytest.raises(FileNotFoundError, match="there is no nowhere"):
        list(of_files([Path("nowhere")]))


def test_rows_of_a_parquet_file_are_those_of_the_whole(archive):
    path = archive / "a.parquet"
    every = [raw.spectrum_id for raw in read_spectra(path)]
    assert spectra_in(path) == len(every) == 250
    for start, stop in ((0, 40), (37, 61), (59, 60), (180, 250), (240, 400)):
        assert [raw.spectrum_id for raw in read_spectra(path, range(start, stop))] == every[start:stop]
    assert spectra_in(archive / "cut.parquet") is None


def test_every_spectrum_has_the_row_that_classify_gives_it(undisturbed, asked, archive):
    found = rows(undisturbed)
    assert len(found) == 250 + 130 + 1 + 14
    by_file: dict[str, list[dict]] = {}
    for row in found:
        by_file.setdefault(Path(row["file"]).name, []).append(row)
    analyst = LocalAnalyst(load(Path(asked.bundle)))
    files = [archive / "b.parquet", archive / "texts" / "t03.txt", archive / "texts" / "short.txt"]
    for path in files:
        expected = list(answers(read_spectra(path), analyst, asked.rules))
        assert [row["place"] for row in by_file[path.name]] == list(range(len(expected)))
        for row, (raw, report) in zip(by_file[path.name], expected, strict=True):
            told = Report.from_json(row["report"])
            assert (row["spectrum_id"], row["status"]) == (raw.spectrum_id, str(report.status))
            assert (told.input_hash, told.reason) == (report.input_hash, report.reason)
            if report.verdict is not None:
                assert row["label"] == report.verdict.label
                assert told.verdict.probabilities == pytest.approx(report.verdict.probabilities, abs=1e-5)
                assert told.confidence.prediction_sets == report.confidence.prediction_sets
                assert len(row["shape"]) == 200
                assert len(row["embedding"]) == 384
    for name, words in (("page.txt", "web page|HTML"), ("short.txt", "coverage"), ("cut.parquet", "damaged")):
        (row,) = by_file[name]
        assert row["status"] == "refused"
        assert np.any([w.lower() in row["reason"].lower() for w in words.split("|")]), row["reason"]
        assert row["label"] is None


def test_a_second_run_does_nothing_and_says_so(run, undisturbed):
    before = {path: path.stat().st_mtime_ns for path in (undisturbed / "answers").iterdir()}
    outcome = run(undisturbed, connect=no_client)
    assert (outcome.complete, outcome.finished) == (True, 0)
    assert "nothing to do: all 11 partitions" in summary(outcome, RunFolder(undisturbed))[0]
    assert before == {path: path.stat().st_mtime_ns for path in (undisturbed / "answers").iterdir()}


def test_another_input_or_another_question_is_told_and_not_guessed(run, asked, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for n in range(3):
        write_parquet(place / f"{n}.parquet", range(n, n + 1))
    of, out = FileInput((place,)), tmp_path / "out"
    assert run(out, of=of).complete
    with pytest.raises(FolderError, match=r"asked alpha was 0.05, is 0.1"):
        run(out, of=of, asks=replace(asked, alpha=0.1), connect=no_client)
    with pytest.raises(FolderError, match="partition was 40, is 41"):
        run(out, of=of, spectra=41, connect=no_client)
    write_parquet(place / "3.parquet", range(2))
    with pytest.raises(InputChanged, match=r"1 files new \(such as .*3.parquet\)"):
        run(out, of=of, connect=no_client)
    (place / "3.parquet").unlink()
    write_parquet(place / "1.parquet", range(5))
    with pytest.raises(InputChanged, match=r"1 files changed \(such as .*1.parquet\)"):
        run(out, of=of, connect=no_client)
    (place / "1.parquet").unlink()
    with pytest.raises(InputChanged, match=r"1 files gone \(such as .*1.parquet\)"):
        run(out, of=of, connect=no_client)


def test_a_file_that_changes_during_the_run_fails_its_partition_alone(run, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for n in range(4):
        write_parquet(place / f"{n}.parquet", range(30))

    class Changing(FileInput):
        def ready(self, partition, folder):
            if partition.name.endswith("2"):
                write_parquet(place / "2.parquet", range(31))

    outcome = run(tmp_path / "out", of=Changing((place,)))
    assert list(outcome.failed) == ["part-000002"]
    assert "2.parquet has changed since the run was planned" in outcome.failed["part-000002"]
    assert outcome.finished == 3
    assert not outcome.complete
    assert "1 partitions are not finished" in " ".join(summary(outcome, RunFolder(tmp_path / "out")))
    assert sorted(contents(tmp_path / "out")) == [f"part-00000{n}.parquet" for n in (0, 1, 3)]


def test_a_lost_worker_costs_its_partition_and_nothing_else(run, client, undisturbed, tmp_path):
    killed: list[int] = []
    written: dict[str, int] = {}
    out = tmp_path / "out"

    def one_more(_: int) -> None:
        if not killed:
            written.update({p.name: p.stat().st_mtime_ns for p in (out / "answers").glob("part-*")})
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    outcome = run(out, advance=one_more)
    assert killed
    assert outcome.complete
    assert outcome.failed == {}
    assert contents(out) == contents(undisturbed)
    assert written.items() <= {p.name: p.stat().st_mtime_ns for p in (out / "answers").iterdir()}.items()


def test_each_worker_loads_its_models_once(run, asked, tmp_path):
    write_parquet(tmp_path / "many.parquet", range(60))
    of = FileInput((tmp_path / "many.parquet",))
    told = run(tmp_path / "out", of=of, asks=replace(asked, alpha=0.1), spectra=5).timings
    assert len(told) == 12
    assert sum(one.loading_s > 0 for one in told) == len({one.pid for one in told}) <= 2
    assert all(one.seconds > 0 and one.peak_mb >= one.memory_mb for one in told)


def test_few_partitions_are_handed_out_at_a_time(client, asked, archive, tmp_path):
    given = ended = most = 0
    (tmp_path / "answers").mkdir()

    def jobs():
        nonlocal given, most
        for partition in of_files([archive], spectra=20):
            given += 1
            most = max(most, given - ended)
            output = str(tmp_path / "answers" / f"{partition.name}.parquet")
            yield Job(partition=partition, asked=asked, input=None, output=output)

    def one_more(_):
        nonlocal ended
        ended += 1

    flow(client, jobs(), done=one_more, failed=lambda name, error: pytest.fail(f"{name}: {error}"))
    assert given == ended > 4 * AHEAD
    assert most <= 2 * AHEAD


def test_a_scheduler_at_an_address(client, monkeypatch):
    with connected(client.scheduler.address, 1) as other:
        assert len(other.nthreads()) == 2
        assert other.submit(sum, [1, 2]).result(timeout=30) == 3
    assert client.submit(sum, [1, 2]).result(timeout=30) == 3  # it is not ours to end
    monkeypatch.setattr("plugin.backfill.cluster._WAIT_S", 1)
    with (
        pytest.raises(NoCluster, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        connected("tcp://127.0.0.1:9", 1),
    ):
        pass


def test_where_all_workers_are_gone_it_is_said_and_not_waited_for(monkeypatch):
    job: Any = SimpleNamespace(partition=SimpleNamespace(name="a"))
    with connected(None, 1) as own:
        own.cluster.scale(0)
        end = time.monotonic() + 30
        while own.nthreads() and time.monotonic() < end:
            time.sleep(0.1)
        monkeypatch.setattr("plugin.backfill.cluster._WAIT_S", 1)
        with pytest.raises(NoCluster, match="no worker any more"):
            flow(own, [job], done=lambda _: None, failed=lambda *_: None)


def test_workers_with_other_models_answer_nothing(run, asked, tmp_path):
    outcome = run(tmp_path / "out", asks=replace(asked, bundle_id="other@00000000"))
    assert outcome.finished == 0
    assert GIVES_UP <= len(outcome.failed) < 11
    assert all("the run is by other@00000000" in reason for reason in outcome.failed.values())
    assert contents(tmp_path / "out") == {}


def command(archive: Path, out: Path, bundle: Path, where: Path) -> subprocess.Popen[str]:
    arguments = ["backfill", str(archive), "--out", str(out), "--workers", "2", "--partition", "40"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("ASTRANET_")}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", "from plugin.cli import app; app()", *arguments, "--bundle", str(bundle)]
    return subprocess.Popen(run, cwd=where, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_a_killed_client_costs_what_was_in_work(undisturbed, archive, bundle, tmp_path):
    out = tmp_path / "out"
    first = command(archive, out, bundle, tmp_path)
    try:
        end = time.monotonic() + 90
        while not list((out / "answers").glob("part-*")) and first.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        workers = psutil.Process(first.pid).children(recursive=True)
        first.kill()
        first.communicate(timeout=30)
    assert psutil.wait_procs(workers, timeout=30)[1] == []  # nobody goes on for a client that is gone
    done = {p.name: p.stat().st_mtime_ns for p in (out / "answers").glob("part-*")}
    assert 0 < len(done) < 11, "the client was to be killed in the middle"
    second = command(archive, out, bundle, tmp_path)
    said, _ = second.communicate(timeout=100)
    assert second.returncode == 0, said
    assert "of 11 partitions were finished before" in said
    assert contents(out) == contents(undisturbed)
    assert done.items() <= {p.name: p.stat().st_mtime_ns for p in (out / "answers").iterdir()}.items()
    assert json.loads((out / "manifest.json").read_text())["spectra"] == 250 + 130 + 1 + 14


def test_two_runs_do_not_work_in_one_folder(tmp_path):
    folder = RunFolder(tmp_path / "out")
    with folder.held(), pytest.raises(FolderError, match="another backfill works in"), RunFolder(folder.path).held():
        pass


def test_what_is_half_written_is_never_there(tmp_path):
    target = tmp_path / "answers" / "part-000000.parquet"
    target.parent.mkdir()
    whole = atomically(target)
    whole.__enter__().write_text("half")
    assert not whole.__exit__(KeyError, KeyError(), None)
    assert list(target.parent.iterdir()) == []
    (target.parent / ".part-000000.parquet.0123.tmp").write_text("of a killed one")
    with RunFolder(tmp_path).held():
        assert list(target.parent.iterdir()) == []


def test_one_partition_holds_several_batches(asked, tmp_path):
    assert BATCH == 64
    write_parquet(tmp_path / "many.parquet", range(2 * BATCH + 5))
    (partition,) = of_files([tmp_path / "many.parquet"], spectra=500)
    done = answer(Job(partition=partition, asked=asked, input=None, output=str(tmp_path / "out.parquet")))
    assert done.counts == {"ok": 2 * BATCH + 5, "refused": 0, "failed": 0}
    assert done.peak_mb >= done.memory_mb * 0.9 > 0
    before = (tmp_path / "out.parquet").stat().st_mtime_ns
    again = answer(Job(partition=partition, asked=asked, input=None, output=str(tmp_path / "out.parquet")))
    assert again.counts == done.counts  # asked once more, as after the loss of the worker that had answered
    assert (tmp_path / "out.parquet").stat().st_mtime_ns == before
    labels = [row["label"] for row in tables.rows(tmp_path / "out.parquet", ["label"])]
    spectra = read_spectra(tmp_path / "many.parquet")
    expected = answers(spectra, LocalAnalyst(load(Path(asked.bundle))), asked.rules)
    assert labels == [report.verdict.label for _, report in expected]


def test_a_spectrum_at_which_the_models_break_is_a_row_with_the_reason(archive, asked):
    (partition, *_) = of_files([archive / "b.parquet"], spectra=10)
    read = list(of_pieces(partition, asked.rules))
    real = LocalAnalyst(load(Path(asked.bundle)))

    class Breaking:
        bundle_id = real.bundle_id

        def run_many(self, items):
            if any(evidence.spectrum_id == "s253" for evidence, _ in items):
                raise FloatingPointError("the network gave NaN")
            return real.run_many(items)

    found = _answered(read, Breaking(), 0.05)
    assert [row["status"] for row in found] == ["ok"] * 3 + ["failed"] + ["ok"] * 6
    assert found[3]["reason"] == "the models failed: FloatingPointError: the network gave NaN"
    assert found[3]["spectrum_id"] == "s253"
