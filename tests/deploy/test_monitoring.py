"""Dashboard and alert rules name what `/metrics` has, and nothing else; the files fit each other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from iris_client.http.pacer import Pacer
from plugin.activity import Activity
from plugin.ops.health import Health
from plugin.ops.metrics import exposition
from tests.plugin.conftest import database, make_settings, store  # noqa: F401 - fixtures

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())
SCRAPE = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "astranet.json").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.monitoring.yaml").read_text())
DATASOURCE = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text())
PROVIDER = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "dashboards" / "astranet.yaml").read_text())

FUNCTIONS = {"sum", "min", "max", "delta", "rate", "increase", "histogram_quantile", "vector"}
WORDS = {"by", "on", "and", "or"}
OF_PROMETHEUS = {"up": {"job", "instance"}}
EVERYWHERE = {"job", "instance", "le"}
TOKEN = re.compile(r'\s*(?:("[^"]*")|(\d+(?:\.\d+)?[smhd]?)|([A-Za-z_:]\w*)|([(){}\[\],]|==|>=|<=|!=|=~|[=<>*/+-]))')


def expressions() -> Iterator[str]:
    for group in RULES["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.fixture
def metrics(store, tmp_path) -> dict[str, set[str]]:  # noqa: F811
    """Every name that can be asked for, with its labels."""
    activity = Activity()
    hooks = activity.hooks("marshal")
    hooks.on_request("GET", "/", None, 0.0)
    settings = make_settings(tmp_path)
    from tests.deploy.filled import fill

    fill(store)
    text = exposition(store, settings, lambda: Health(live=True, ready=True), activity=activity, pacer=Pacer()).decode()
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z_:]\w*)(?:\{(.*)\})? \S+$", line):
            labels = set(re.findall(r'(\w+)="', match[2] or ""))
            found.setdefault(match[1], set()).update(labels)
    return found | OF_PROMETHEUS


def tokens(expression: str) -> list[str]:
    found, at = [], 0
    while at < len(expression.rstrip()):
        match = TOKEN.match(expression, at)
        assert match, f"cannot read {expression[at:]!r} in {expression!r}"
        found.append(match[0].strip())
        at = match.end()
    return found


def names_and_labels(expression: str) -> tuple[list[tuple[str, set[str]]], set[str]]:
    """Each metric with the labels in its braces; and the labels of `by` and `on`."""
    parts, depth, metrics, grouped = tokens(expression), [], [], set()
    pairs = {")": "(", "}": "{", "]": "["}
    for i, part in enumerate(parts):
        if part in "({[":
            depth.append((part, parts[i - 1] if i else ""))
        elif part in pairs:
            assert depth, expression
            assert depth.pop()[0] == pairs[part], expression
        elif re.fullmatch(r"[A-Za-z_:]\w*", part):
            opened = depth[-1] if depth else ("", "")
            if opened[0] == "{":
                if parts[i + 1] in ("=", "!=", "=~"):
                    metrics[-1][1].add(part)
            elif opened == ("(", "by") or opened == ("(", "on"):
                grouped.add(part)
            elif part in WORDS:
                continue
            elif parts[i + 1 : i + 2] == ["("] or parts[i + 1 : i + 2] == ["by"]:
                assert part in FUNCTIONS, f"{part} in {expression}"
            else:
                metrics.append((part, set()))
    assert not depth, expression
    return metrics, grouped


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_name_is_one_that_is_there(metrics, expression) -> None:
    asked, grouped = names_and_labels(expression)
    assert asked or "vector" in expression
    there: set[str] = set()
    for name, labels in asked:
        assert name in metrics, f"{name} is no metric of /metrics"
        assert labels <= metrics[name] | EVERYWHERE, f"{name} has no label {labels - metrics[name]}"
        there |= metrics[name]
    assert grouped <= there | EVERYWHERE


@pytest.mark.parametrize("wrong", ["astranet_live > (1", "rte(astranet_live[5m])", "astranet_live # 1"])
def test_what_is_no_expression_is_noticed(wrong) -> None:
    with pytest.raises(AssertionError):
        names_and_labels(wrong)


def test_a_name_that_is_not_there_is_noticed(metrics) -> None:
    ((name, labels),) = names_and_labels('astranet_nothing{x="1"}')[0]
    assert (name in metrics, labels) == (False, {"x"})


def test_every_rule_is_whole() -> None:
    rules: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 6
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
        said = " ".join(rule["annotations"].values())
        asked, grouped = names_and_labels(rule["expr"])
        in_words = set(re.findall(r"\$labels\.(\w+)", said))
        assert in_words <= grouped | {"kind"} | {label for _, labels in asked for label in labels}


def test_the_dashboard_is_whole() -> None:
    uid = DATASOURCE["datasources"][0]["uid"]
    taken: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert {t["datasource"]["uid"] for t in panel["targets"]} | {panel["datasource"]["uid"]} == {uid}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_files_fit_each_other() -> None:
    base = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    services = {**base, **COMPOSE["services"]}
    mounted = {v.split(":")[1]: v.split(":")[0] for s in services.values() for v in s.get("volumes", ())}
    (job,) = SCRAPE["scrape_configs"]
    host, port = job["static_configs"][0]["targets"][0].split(":")
    assert services[host]["environment"]["ASTRANET_WEB_BIND"].endswith(f":{port}")
    assert job["authorization"]["credentials_file"] == "/run/secrets/web_token"
    assert "web_token" in services["prometheus"]["secrets"]
    assert {name for e in expressions() for name in re.findall(r'job="(\w+)"', e)} == {job["job_name"]}
    for path in (*SCRAPE["rule_files"], "/etc/prometheus/prometheus.yml"):
        assert (DEPLOY / mounted[path]).is_file()
    assert list((DEPLOY / mounted[PROVIDER["providers"][0]["options"]["path"]]).glob("*.json"))
    assert (DEPLOY / mounted["/etc/grafana/provisioning"] / "datasources" / "prometheus.yaml").is_file()
