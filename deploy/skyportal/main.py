"""Start the annotator as an external service of SkyPortal: parameters of config.yaml in, `astranet run` out.

SkyPortal's supervisor runs this file with the working directory at SkyPortal's root. It needs an environment of its
own (`services/astranet/.venv`, with `astranet-annotator` and PyYAML); of SkyPortal it uses the configuration and the
log only, and REST for everything else.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

NAME = "astranet"
PREFIX = "ASTRANET_"
WRONG_SETTINGS = 2
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 600.0
HEALTHY_SECONDS = 300.0


def variables(params: Mapping[str, Any], own_url: str) -> dict[str, str]:
    """Parameters as environment variables; what is empty is left to the annotator's defaults."""
    filled = {**params, "marshal_url": params.get("marshal_url") or own_url}
    texts = {PREFIX + name.upper(): _text(value) for name, value in filled.items()}
    return {name: text for name, text in texts.items() if text}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(str(v) for v in value)
    return str(value)


def is_up(url: str) -> bool:
    """Whether SkyPortal answers at /api/sysinfo, which needs no token."""
    try:
        with urllib.request.urlopen(f"{url}/api/sysinfo", timeout=10) as answer:  # noqa: S310 - http(s), checked by Settings
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_for(ready: Callable[[], bool], sleep: Callable[[float], None], seconds: float = 10.0) -> None:
    """Return when `ready`, asking every ten seconds; SkyPortal may take many minutes to migrate its database."""
    while not ready():
        sleep(seconds)


def keep_running(
    run: Callable[[], int], sleep: Callable[[float], None], clock: Callable[[], float], log: Callable[[str], None]
) -> int:
    """Run again after a failure, waiting 5 s, 10 s, ... 10 min; a run of 5 min or more starts the count anew.

    Returns
    -------
    int
        0 when it ended by itself, 2 when its settings are wrong: no use in trying again.
    """
    wait = SHORTEST_WAIT
    while True:
        started = clock()
        code = run()
        if code in (0, WRONG_SETTINGS):
            return code
        if clock() - started >= HEALTHY_SECONDS:
            wait = SHORTEST_WAIT
        log(f"astranet ended with code {code}; next try in {wait:.0f} s")
        sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


def _settings_are_right(environment: Mapping[str, str], log: Callable[[str], None]) -> bool:
    from plugin.settings import ConfigError, Settings

    try:
        Settings.load(environment, env_file=None).marshal()
    except ConfigError as error:
        log(str(error))
        return False
    return True


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end and return its exit code; SIGTERM is passed on and waited for, and counts as 0."""
    child = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program
    told: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        child.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    code = child.wait()
    signal.signal(signal.SIGTERM, _leave)
    return 0 if told else code


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(argv: list[str] | None = None) -> int:
    """Check the settings, wait for SkyPortal, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", help="SkyPortal's configuration files; read by baselayer")
    parser.parse_known_args(argv)

    from baselayer.app.env import load_env
    from baselayer.log import make_log

    log = make_log(NAME)
    _, cfg = load_env()
    own_url = f"{cfg['server.protocol']}://{cfg['server.host']}:{cfg['server.port']}"
    ours = variables(cfg.get(f"services.external.{NAME}.params", {}) or {}, own_url)
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}, **ours}
    if not _settings_are_right(ours, log):
        return WRONG_SETTINGS
    signal.signal(signal.SIGTERM, _leave)
    log("waiting for SkyPortal")
    wait_for(lambda: is_up(ours[PREFIX + "MARSHAL_URL"]), time.sleep)
    command = [str(Path(sys.executable).with_name("astranet")), "run"]
    log("starting")
    return keep_running(lambda: run_child(command, environment), time.sleep, time.monotonic, log)


if __name__ == "__main__":
    raise SystemExit(main())
