"""Every recipe of docs/adding.md, followed to the letter in a copy of the project, does what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plugin.cli import SUBJECTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding.md").read_text()
WHERE = r"new file (?P<new>\S+)|at the end of (?P<end>\S+)|in (?P<file>\S+), (?P<how>before|after|instead of) `"
HEAD = re.compile(rf"(?:# |<!-- )(?:{WHERE})")
SERVICE = ("plugin", "iris_client", "models")


class Copy:
    """The project's code and texts; the weights are linked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        weights = shutil.ignore_patterns("__pycache__", "data")
        for package in SERVICE:
            shutil.copytree(ROOT / package, folder / package, ignore=weights if package == "models" else None)
        (folder / "models" / "data").symlink_to(ROOT / "models" / "data")
        for name in ("deploy", "docs"):
            (folder / name).mkdir()
        for name in ("docs/reading.md", "pyproject.toml", "deploy/env.example"):
            shutil.copyfile(ROOT / name, folder / name)
        self.before = self._texts()

    def _texts(self) -> dict[str, str]:
        kept = (p for p in self.folder.rglob("*") if p.suffix in (".py", ".md", ".toml", ".example"))
        return {str(p.relative_to(self.folder)): p.read_text() for p in kept}

    @property
    def changed(self) -> set[str]:
        """Files that are not what they were."""
        return {name for name, text in self._texts().items() if self.before.get(name) != text}

    def follow(self, title: str) -> None:
        """Apply every block of one recipe."""
        part = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        blocks = re.findall(r"^```\w+\n(.*?\n)(.*?)^```$", part, re.M | re.S)
        assert blocks, title
        for head, text in blocks:
            self._apply(head.strip(), text)

    def _apply(self, head: str, text: str) -> None:
        found = HEAD.match(head)
        assert found, head
        if found["new"]:
            assert not (self.folder / found["new"]).exists()
            (self.folder / found["new"]).write_text(text)
            return
        path = self.folder / (found["end"] or found["file"])
        lines = path.read_text().splitlines(keepends=True)
        if found["end"]:
            path.write_text("".join([*lines, "\n\n", text]))
            return
        anchor = head[found.end() : head.rindex("`")]
        (at,) = [i for i, line in enumerate(lines) if line.strip().startswith(anchor)]
        first, last = {"before": (at, at), "after": (at + 1, at + 1), "instead of": (at, at + 1)}[found["how"]]
        path.write_text("".join([*lines[:first], text, *lines[last:]]))

    def run(self, code: str, *arguments: str) -> str:
        """What a program prints that finds the copy before the project; tests' fakes are the project's."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("ASTRANET_")}
        env |= {"PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}", "COLUMNS": "200"}
        command = [sys.executable, "-P", "-c", code, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def astranet(self, *arguments: str) -> str:
        return self.run("from plugin.cli import app; app()", *arguments)

    def examples_anew(self) -> None:
        (self.folder / "deploy" / "env.example").write_text(self.astranet("env-example") + "\n")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "project")


def test_every_block_says_where_it_goes() -> None:
    heads = re.findall(r"^```\w+\n(.*?)\n", PAGE, re.M)
    assert len(heads) >= 10
    for head in heads:
        assert HEAD.match(head), head


def test_a_score(copy: Copy) -> None:
    copy.follow("An anomaly score")
    assert copy.changed == {"models/sentinel/scores/distance.py"}
    # What layers make of it, old ones and new: tests/models/sentinel/test_extra_score.py.
    code = """
from models.training.sentinel.bank import fit_bank
from models.sentinel.scores import compute, names
from models.training.sentinel.fitting import tuned_scores
from tests.models.sentinel.made import clouds
x, labels = clouds(140, 0)
print("embedding_norm" in tuned_scores(), compute(x, fit_bank(x, labels, references=70), names("distance")).shape)
"""
    assert copy.run(code) == "True (140, 7)"


POSTED = """
import json
from models.domain import Evidence, Spectrum, Target
import numpy as np
from plugin.cycle.spectra.compose import answer
from tests.fakes.analyst import FakeAnalyst
spectrum = Spectrum(spectrum_id="1", wavelength_A=np.linspace(3800, 9000, 99), flux=np.ones(99))
report, = FakeAnalyst().run_many([(Evidence(target=Target(target_id="t"), spectrum=spectrum), ())])
print(json.dumps(answer(report, 0.05)))
"""


def test_a_posted_key(copy: Copy) -> None:
    before = json.loads(copy.run(POSTED))
    copy.follow("A posted key")
    assert copy.changed == {"plugin/cycle/spectra/compose.py", "docs/reading.md"}
    after = json.loads(copy.run(POSTED))
    assert after == before | {"networks": after["networks"]}
    assert isinstance(after["networks"], int)
    table = (copy.folder / "docs/reading.md").read_text().partition("with the origin `NEEDLE`")[0]
    assert re.search(r"^\| `networks` \|", table, re.M)
    assert "networks            number" in copy.run("import plugin.cycle.spectra.compose as c; print(c.__doc__)")


def test_a_setting(copy: Copy) -> None:
    copy.follow("A setting")
    assert copy.changed == {"plugin/setting_fields.py"}
    load = "from plugin.settings import Settings; print(Settings.load(%r, env_file=None).poll_jitter_seconds)"
    assert copy.run(load % {"ASTRANET_POLL_JITTER_SECONDS": "2.5"}) == "2.5"
    in_step = "from plugin.commands.setup import env_example as e; print(open('deploy/env.example').read() == e())"
    assert copy.run(in_step) == "False"
    copy.examples_anew()
    assert copy.run(in_step) == "True"
    assert "\n#ASTRANET_POLL_JITTER_SECONDS=0\n" in (copy.folder / "deploy" / "env.example").read_text()


def test_a_command(copy: Copy) -> None:
    assert "│ night " not in copy.astranet("--help")
    copy.follow("A command")
    assert copy.changed == {"plugin/commands/night.py", "plugin/cli.py"}
    assert "│ night " in copy.astranet("--help")
    assert copy.run("import plugin.cli; print(*plugin.cli.SUBJECTS)").split() == [*SUBJECTS, "night"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", copy.astranet("night"))
    assert copy.run("import plugin.cli, sys; print('torch' in sys.modules)") == "False"


OTHER = '''
"""A marshal that is no server: it holds one spectrum, and prints what is told to it."""

from tests.fakes.marshal import FakeMarshal, good


class OtherMarshal(FakeMarshal):
    def __init__(self, url, token, *, pacer, hooks):
        super().__init__()
        self.add(good("1", "ZTF26a"))

    def close(self):
        print("> closed", *sorted(self.posted), [w[0] for w in self.writes])
'''

RUN_OTHER = """
import sys
from plugin.app import build
from plugin.ops.doctor import examine
from plugin.settings import Settings
from tests.fakes.analyst import FakeAnalyst
given = {"MARSHAL_URL": "http://other.test", "MARSHAL_TOKEN": "t", "GROUP_IDS": "6", "MARSHAL_KIND": "other",
         "DATABASE_URL": "sqlite:///" + sys.argv[1], "DRY_RUN": "false", "POST_CARDS": "false",
         "BACKFILL_DAYS": "10000"}
settings = Settings.load({f"ASTRANET_{k}": v for k, v in given.items()}, env_file=None)
with build(settings, analyst=FakeAnalyst()) as app:
    print(">", dict(app.once().analysed))
import plugin.ops.doctor.local as doctor
doctor.make_analyst = lambda _settings: FakeAnalyst()
told = ("marshal", "token rights", "groups", "clock")
print(">", sorted(c.name for c in examine(settings) if c.ok and c.name in told))
"""


def test_a_second_marshal_touches_what_the_page_says_and_nothing_else(copy: Copy) -> None:
    copy.follow("A second marshal")
    (copy.folder / "iris_client" / "marshal" / "other.py").write_text(OTHER)
    copy.examples_anew()
    told = (
        "iris_client/marshal/other.py",
        "plugin/setting_fields.py",
        "plugin/sources/marshal.py",
        "deploy/env.example",
    )
    assert copy.changed == set(told)
    part = PAGE.partition("\n## A second marshal\n")[2].partition("\n## ")[0]
    assert all(path in part for path in told[1:])
    assert "`iris_client/marshal/`" in part
    assert "`other.py`" in part
    lines = copy.run(RUN_OTHER, str(copy.folder / "other.sqlite")).splitlines()
    assert [line.removeprefix("> ") for line in lines if line.startswith("> ")] == [
        "{'ok': 1}",
        "closed source/ZTF26a spectrum/1 ['upsert', 'upsert']",
        "closed []",
        "['clock', 'groups', 'marshal', 'token rights']",
    ]


def test_a_reason_to_refuse_a_spectrum(copy: Copy) -> None:
    copy.follow("A reason to refuse a spectrum")
    assert copy.changed == {"models/domain/caveats.py", "iris_client/quality/checks.py"}
    code = """
import numpy as np
from iris_client.quality.control import examine
from tests.fakes.marshal import good
from dataclasses import replace
coarse = np.linspace(3800, 9100, 40)
for step, raw in (("fine", good("1", "t")), ("coarse", replace(good("1", "t"), wavelengths=coarse.tolist(),
        fluxes=(1e-16 * (2 + np.sin(coarse / 300))).tolist()))):
    print(step, examine(raw).reason)
"""
    assert copy.run(code).splitlines() == ["fine None", "coarse pixels of 136 A, at most 100 A"]
