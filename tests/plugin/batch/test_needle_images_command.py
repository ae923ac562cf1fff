"""`astranet needle --hybrid`: stamps of a folder of packets go to the network on images, the rest as without."""

import json

import pytest
import typer
from typer.testing import CliRunner

from iris_client.brokers.kept import AvroFolder
from models.needle.hybrid.model import load as load_hybrid
from models.needle.images.quality import load as load_checker
from plugin.batch.needle_answers import ImageModel, answer_file
from plugin.batch.needle_files import read_curves
from plugin.commands import needle as command
from plugin.sandbox.brokers.alerts import invented
from tests.fakes.kafka import record
from tests.plugin.batch.test_needle_command import rows, run, write

NAME, BARE = "ZTF26aaaaaab", "ZTF26aaaaaac"
LAST_JD = 2459021.5
"""The last point of `rows`, MJD 59021."""


@pytest.fixture
def alerts(tmp_path):
    folder = tmp_path / "alerts"
    folder.mkdir()
    for candid, jd in ((1, LAST_JD - 3), (2, LAST_JD), (3, LAST_JD + 4)):
        (folder / f"{candid}.avro").write_bytes(record(invented(NAME, candid, jd=jd, epochs=0)))
    return folder


def test_stamps_are_of_one_band_and_none_is_later_than_the_light_curve(tmp_path, alerts):
    (alerts / "4.avro").write_bytes(record(invented(NAME, 4, jd=LAST_JD - 1, fid=2)))
    model = ImageModel(model=load_hybrid(), checker=load_checker(), alerts=AvroFolder(alerts))
    chosen = model._stamps(NAME, 59021.0)
    assert [c.candid for c in chosen] == ["1", "2"]
    assert len({c.band for c in chosen}) == 1
    assert model._stamps(BARE, 59021.0) == []


def test_with_stamps_the_network_answers_and_without_the_other_model_says_why(tmp_path, alerts):
    found = run(tmp_path, [*rows(NAME), *rows(BARE), *rows("faint", mag=22.0)], "--hybrid", "--alerts", str(alerts))
    with_stamps, without, refused = found[NAME], found[BARE], found["faint"]
    told = [c["text"] for c in without["caveats"]]
    assert any("no usable images" in text for text in told)
    assert "hybrid" not in without["model"]
    assert without["probabilities"] == run(tmp_path, rows(BARE))[BARE]["probabilities"]
    assert refused["status"] == "refused"
    assert with_stamps["status"] == "ok"
    # The invented stamps may be refused by the checker; then the answer is the other model's, with the reason.
    if "hybrid" in with_stamps["model"]:
        assert not any("uses no images" in c["text"] for c in with_stamps["caveats"])
    else:
        assert any("no usable images" in c["text"] for c in with_stamps["caveats"])


def test_a_network_that_answers_is_taken_at_its_word(tmp_path, alerts, monkeypatch):
    model = ImageModel(model=load_hybrid(), checker=load_checker(), alerts=AvroFolder(alerts))
    needle = command.load_model(None)
    stated = needle.answer(next(iter(read_curves(write(tmp_path, rows(NAME))))).curve, None)
    monkeypatch.setattr(ImageModel, "answer", lambda *_: stated)
    out = tmp_path / "out.jsonl"
    with out.open("w") as file:
        answer_file(write(tmp_path, rows(NAME)), file, needle, {}, images=model)
    line = json.loads(out.read_text())
    assert line["probabilities"] == dict(stated.verdict.probabilities)
    assert not any("uses no images" in c["text"] for c in line["caveats"])


def test_a_packet_that_is_gone_costs_the_images_and_not_the_answer(tmp_path, alerts):
    model = ImageModel(model=load_hybrid(), checker=load_checker(), alerts=AvroFolder(alerts))
    for path in alerts.iterdir():
        path.unlink()
    out = tmp_path / "out.jsonl"
    with out.open("w") as file:
        answer_file(write(tmp_path, rows(NAME)), file, command.load_model(None), {}, images=model)
    line = json.loads(out.read_text())
    assert line["status"] == "ok"
    assert any("no usable images" in c["text"] for c in line["caveats"])


def test_without_a_folder_it_is_a_mistake(tmp_path):
    app = typer.Typer()
    app.command()(command.needle)
    result = CliRunner().invoke(app, [str(write(tmp_path, rows("a"))), "-o", str(tmp_path / "o"), "--hybrid"])
    assert result.exit_code == 2
