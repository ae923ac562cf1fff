"""Commands about the sandbox: the demo, and an embedded marshal to try the service on. Has `register(app)`."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this subject's commands."""
    from plugin.sandbox.trials import commands as trials

    app.command()(demo)
    sandbox = typer.Typer(invoke_without_command=True)
    sandbox.callback()(serve)
    sandbox.command()(examples)
    app.add_typer(sandbox, name="sandbox")
    trials.register(sandbox)


def serve(
    context: typer.Context,
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
    if context.invoked_subcommand is not None:
        return
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


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and the draft.")] = Path("demo-output"),
    n_sources: Annotated[int, typer.Option(min=1, max=500, help="How many simulated sources.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same spectra.")] = 0,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then keep service and sandbox running with the live pages, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(help="Of the live pages on 127.0.0.1; 0 picks one.", min=0, max=65535)] = 8765,
) -> None:
    """Run the real service against an embedded marshal with simulated spectra, and draw one page about it."""
    from plugin.environment import ConfigError
    from plugin.sandbox.demo.run import DemoFailed, run_demo

    try:
        page = run_demo(out, n_sources=n_sources, seed=seed, port=port if serve else None)
    except DemoFailed as error:
        typer.echo(f"the demo failed: {error}", err=True)
        raise typer.Exit(1) from None
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    typer.echo(f"Open {page} in a browser.")


def examples(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and its pictures.")],
    n_sources: Annotated[int, typer.Option(min=1, max=500, help="How many simulated sources.")] = 120,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same spectra.")] = 0,
) -> None:
    """Write the worked examples of the documentation: simulated spectra, what is posted about them, their cards."""
    from plugin.sandbox.examples import write_examples

    typer.echo(str(write_examples(out, n_sources=n_sources, seed=seed)))


def _greet(url: str, token: str, group_id: int) -> None:
    """Print what the service needs to talk to the sandbox. The token is worth nothing elsewhere."""
    typer.echo(f"sandbox at {url}, token {token}")
    typer.echo("To use it, in another shell (Ctrl-C here stops the sandbox and forgets everything):")
    typer.echo(f"  export ASTRANET_MARSHAL_URL={url}")
    typer.echo(f"  export ASTRANET_MARSHAL_TOKEN={token}")
    typer.echo(f"  export ASTRANET_GROUP_IDS={group_id}")
    typer.echo("  astranet doctor && astranet once", color=False)
