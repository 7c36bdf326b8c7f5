"""`csvpipe serve`: the web door with a server of its own, from the command line to an orderly end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from csvpipe.cli.exit_codes import ExitCode
from csvpipe.cli.keeping import kept, spool_of
from csvpipe.cli.options import pipeline_of
from csvpipe.cli.output import Output
from csvpipe.errors import CsvPipeError, MissingExtraError
from csvpipe.limits import MIB
from csvpipe.pipeline import Pipeline
from csvpipe.pool import WorkerPool

if TYPE_CHECKING:
    from csvpipe.store.protocol import JobStore
    from csvpipe.web import Authenticate

#: A connection that is still open so many seconds after the server was told to end is cut.
_GRACE_SECONDS: Final = 10

#: Connections that wait to be taken, as in uvicorn.
_BACKLOG: Final = 2_048

_TOKENS: Final = "CSVPIPE_TOKENS"

_HELP = """Take uploads over HTTP and import them with pipelines.

MODULE:PIPELINE is as for `csvpipe run`; several may be named, and clients say which one by its name.

\b
Examples:
  CSVPIPE_TOKENS="ana=$ANA bob=$BOB" csvpipe serve people:import_people
  csvpipe serve people.py:import_people orders.py:import_orders --tokens-file tokens --port 8080
  curl -H "Authorization: Bearer $TOKEN" -F files=@people.csv http://localhost:8000/api/v1/csv/upload

At the address itself there is a page for people: http://localhost:8000/

A file of tokens has a line OWNER=TOKEN for each; jobs belong to owners, and nobody sees another's. It ends in good
order when it is told to by Ctrl-C or SIGTERM: rows in hand are finished, and with --store the next start goes on.
"""


@click.command(help=_HELP)
@click.argument("targets", metavar="MODULE:PIPELINE...", nargs=-1, required=True)
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar="CSVPIPE_STORE",
    help="Keep the jobs in a database, sqlite:///jobs.db or postgresql://user@host/name; in memory unless stated. "
    "Others see a password there: rather set CSVPIPE_STORE.",
)
@click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where uploads are kept until they are imported: beside a database of SQLite unless stated; without --store a "
    "temporary folder.",
)
@click.option(
    "--no-listening",
    is_flag=True,
    envvar="CSVPIPE_NO_LISTENING",
    help="Ask a store in PostgreSQL for changes of jobs instead of hearing of them: for a proxy such as PgBouncer that "
    "passes no notices on. Also read from CSVPIPE_NO_LISTENING.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 for any free one.")
@click.option(
    "--token",
    "tokens",
    multiple=True,
    metavar="OWNER=TOKEN",
    envvar=_TOKENS,
    help=f"Who comes with this Bearer token is this owner; may be repeated. Other users of the machine see it: rather "
    f"name a file, or set {_TOKENS}, with spaces between several.",
)
@click.option(
    "--tokens-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Lines of OWNER=TOKEN; empty ones and those that begin with # are left out.",
)
@click.option("--anybody", is_flag=True, help="No tokens: whoever reaches the server may do everything.")
@click.option("--workers", type=click.IntRange(1, 10_000), metavar="N", help="As for `csvpipe run`.")
@click.option("--executor", type=click.Choice(["thread", "process"]), default="thread", help="As for `csvpipe run`.")
@click.option(
    "--lease-seconds",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="N",
    envvar="CSVPIPE_LEASE_SECONDS",
    help="After so long a job of an instance that has died goes on in another one. Also read from "
    "CSVPIPE_LEASE_SECONDS.",
)
@click.option(
    "--flush-interval",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="N",
    envvar="CSVPIPE_FLUSH_INTERVAL",
    help="Seconds between two commits of a running job, which are what progress shows. Also read from "
    "CSVPIPE_FLUSH_INTERVAL.",
)
@click.option(
    "--max-file-mib", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="Size of one upload."
)
@click.option(
    "--allow-origin", "origins", multiple=True, metavar="URL", help="Of pages of other sites that may use it."
)
@click.option("--metrics", is_flag=True, help="Metrics for Prometheus at /metrics, for whoever reaches the server.")
@click.option(
    "--metrics-token",
    metavar="TOKEN",
    envvar="CSVPIPE_METRICS_TOKEN",
    help="The same, for who comes with this Bearer token; rather set CSVPIPE_METRICS_TOKEN.",
)
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    *,
    targets: tuple[str, ...],
    store_url: str | None,
    tokens: tuple[str, ...],
    tokens_file: Path | None,
    anybody: bool,
    no_listening: bool,
    **options: Any,
) -> None:
    """Serve; `_HELP` says the rest."""
    if any(find_spec(name) is None for name in ("python_multipart", "sse_starlette", "starlette", "uvicorn")):
        raise click.UsageError(str(MissingExtraError("csvpipe serve", "web")), ctx)
    errors = Output(sys.stderr)
    owners = _owners(tokens, tokens_file)
    if anybody is bool(owners):
        raise click.UsageError("say who may use it: --token OWNER=TOKEN, --tokens-file FILE, or --anybody for all", ctx)
    if options["metrics_token"] in owners:
        raise click.BadParameter("it is an owner's token; give it one of its own", param_hint="'--metrics-token'")
    pipelines = [pipeline_of(target, errors, hint="MODULE:PIPELINE") for target in targets]
    try:
        if store_url is not None:
            options["spool"] = spool_of(store_url, options["spool"])
        with kept(store_url, listening=not no_listening) as store:
            _serve(pipelines, store, owners, errors, **options)
    except (CsvPipeError, ValueError) as error:
        raise click.UsageError(str(error), ctx) from error
    except KeyboardInterrupt:
        ctx.exit(ExitCode.INTERRUPTED)


def _serve(
    pipelines: list[Pipeline[..., Any]],
    store: JobStore | None,
    owners: Mapping[str, str],
    errors: Output,
    *,
    spool: Path | None,
    host: str,
    port: int,
    workers: int | None,
    executor: Any,
    lease_seconds: float,
    flush_interval: float,
    max_file_mib: int,
    origins: tuple[str, ...],
    metrics: bool,
    metrics_token: str | None,
) -> None:
    """Until the program is told to end."""
    import uvicorn  # noqa: PLC0415  # the other commands do without

    from csvpipe import web  # noqa: PLC0415  # the same

    pool = WorkerPool(
        store,
        pipelines=pipelines,
        workers=workers,
        executor=executor,
        spool_dir=spool,
        on_exit="stop",
        lease_seconds=lease_seconds,
        flush_interval=flush_interval,
    )
    authenticate: Authenticate = web.bearer(owners) if owners else web.anybody("anybody")
    app = web.create_app(
        pool,
        authenticate=authenticate,
        limits=web.UploadLimits(file_bytes=max_file_mib * MIB),
        allow_origins=origins,
        metrics=metrics_token or metrics,
    )
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    with _listening(host, port) as listening:
        address = listening.getsockname()
        shown = f"[{address[0]}]" if listening.family is socket.AF_INET6 else address[0]
        errors.line(f"Serving at http://{shown}:{address[1]}; Ctrl-C ends it.")
        # The server raises the signal again when it has ended, for a program around it; here there is none.
        before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
        try:
            server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise click.ClickException("the server could not start; the reason is above")


def _listening(host: str, port: int) -> socket.socket:
    """A socket for the address.

    Raises:
        click.ClickException: There is no such address, or it is in use.
    """
    # With the protocol, or asyncio does not know that it is TCP and lets small answers wait for others (Nagle).
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, proto=socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two programs listen at once
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise click.ClickException(f"cannot listen at {host}:{port}: {error.strerror or error}") from error
    return listening


def _owners(tokens: tuple[str, ...], file: Path | None) -> dict[str, str]:
    """Token to owner.

    Raises:
        click.BadParameter: One is not of that form, or two owners have the same.
    """
    lines = [] if file is None else [line.strip() for line in file.read_text("utf-8").splitlines()]
    given = [*tokens, *(line for line in lines if line and not line.startswith("#"))]
    owners: dict[str, str] = {}
    for text in given:
        owner, _, token = text.partition("=")
        if not owner.strip() or not token.strip():
            raise click.BadParameter("tokens are of the form OWNER=TOKEN, such as ana=a-long-random-text")
        name = owners.setdefault(token.strip(), owner.strip())
        if name != owner.strip():
            raise click.BadParameter(f"{name} and {owner.strip()} have the same token; give each one of its own")
    return owners
