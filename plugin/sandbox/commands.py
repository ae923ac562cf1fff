"""Commands about: the sandbox marshal and its simulated spectra."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    app.command("sandbox")(serve)
    app.command("train-simulator")(train)


def serve(
    load: Annotated[
        Path | None, typer.Option(help="Parquet file of real spectra (columns of data/spectra).", exists=True)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only so many spectra of the file.", min=1)] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks a free one.", min=0, max=65535)] = 0,
    rate_limit: Annotated[bool, typer.Option("--rate-limit", help="Answer 429 beyond 5 requests per second.")] = False,
    alerts: Annotated[
        Path | None, typer.Option(help="Folder of Avro alert packets for the sandbox's broker.", exists=True)
    ] = None,
    graphql: Annotated[bool, typer.Option("--graphql", help="Serve the spectra at /graphql too.")] = False,
    n_sources: Annotated[int, typer.Option(help="How many simulated sources, without a file.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the simulated sources.")] = 0,
) -> None:
    """Serve an embedded marshal (SkyPortal stand-in) on loopback until Ctrl-C, to try the service on."""
    from plugin.sandbox import Sandbox
    from plugin.sandbox.load import load_parquet, load_simulated

    sandbox = Sandbox(port=port, rate_limit=rate_limit, graphql=graphql)
    if load is not None:
        count = load_parquet(sandbox, load, limit=limit)
        typer.echo(f"{count} spectra from {load}")
    else:
        count = load_simulated(sandbox, n_sources=n_sources, seed=seed)
        typer.echo(f"{n_sources} simulated sources, {count} simulated spectra")
    if alerts is not None:
        typer.echo(f"{sandbox.load_alerts(alerts)} alerts from {alerts}")
    with sandbox:
        _greet(sandbox.url, sandbox.token, sandbox.group_id)
        try:
            sandbox.wait()
        except KeyboardInterrupt:
            typer.echo("stopped")


def train(
    data: Annotated[Path, typer.Option(help="Folder with spectra/*.parquet.", envvar="ASTRANET_DATA_DIR", exists=True)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the summary goes (safetensors).")],
    seed: Annotated[int, typer.Option(help="Decides which spectra are sampled.")] = 0,
) -> None:
    """Learn the simulator's summary from real spectra of the training split (minutes)."""
    from models.simulation.summary import save
    from plugin.lab.dataset.simulator import train_simulator

    summary = train_simulator(data, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(summary, out)
    for population in summary.populations.values():
        made = " (semi-real)" if population.semi_real else ""
        typer.echo(f"{population.name}: {population.spectra} spectra of {population.objects} objects{made}")
    typer.echo(f"{out}: {out.stat().st_size} bytes")


def _greet(url: str, token: str, group_id: int) -> None:
    """Print what the service needs to talk to the sandbox. The token is worth nothing elsewhere."""
    typer.echo(f"sandbox at {url}, token {token}")
    typer.echo("To use it, in another shell (Ctrl-C here stops the sandbox and forgets everything):")
    typer.echo(f"  export ASTRANET_MARSHAL_URL={url}")
    typer.echo(f"  export ASTRANET_MARSHAL_TOKEN={token}")
    typer.echo(f"  export ASTRANET_GROUP_IDS={group_id}")
    typer.echo("  astranet doctor && astranet once", color=False)
