"""The command line: arguments in, a call, an exit code out. Everything else lives elsewhere.

Only typer is imported here at once, so that `esr --help` is quick; each command imports what it
needs when it runs. Exit codes are in `switchboard/errors.py` and `exits.py`.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hms_esr import __version__
from hms_esr.cli_stubs import add_stubs
from hms_esr.cli_switchboard import add_doors
from hms_esr.cli_trace import AllowKind, Anonymise, Mapping, Policy, SessionKey, add_traces
from hms_esr.exits import INTERRUPTED, USAGE, run_guarded
from hms_esr.serving import DEFAULT_SERVE
from hms_esr.voice import prepare_streams, say, turn_away

app = typer.Typer(
    name="esr",
    help="HMS-ESR: re-fire recorded traffic at a sandbox, and read an honest scorecard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
runs_app = typer.Typer(help="The runs kept in the run folder, newest first.", rich_markup_mode=None)
app.add_typer(runs_app, name="runs")
add_doors(app)
add_stubs(app)
add_traces(app)
replay_app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

Scenario = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", help="A scenario's id, a scenario file, or a log to replay as it is."
    ),
]
Speed = Annotated[
    str | None, typer.Option(metavar="X", help="Recorded time over wall time: 2x, 0.5x, 60x, max.")
]
Users = Annotated[
    int | None,
    typer.Option(help="Play this many sessions, cloned or sampled from the recorded ones."),
]
Duration = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Play only the first part of the window: 20s, 5m, 1h30m."),
]
Arrivals = Annotated[
    str | None,
    typer.Option(metavar="X", help="Compress session starts, keep the gaps inside a session: 2x."),
]
Loop = Annotated[
    str | None,
    typer.Option(
        metavar="[N]", help="Play the recording N times; without N, until --duration is over."
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="Decides clones, arrivals, latencies: one seed is one run.")
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|URL",
        help="embedded, an environment of environments/*.yml, a loopback URL, or one service.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="Read the log as this format, whatever it looks like."
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write the result as JSON to a file, or - for stdout."
    ),
]
Slo = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=LIMIT", help="A limit to keep, such as p95_ms=800; can be repeated."
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, max=64, help="Worker processes that send; users are spread over them.")
]
Connections = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=60_000,
        help="Most connections to a target, for each worker (default: 1000; 64 with --speed max).",
    ),
]
Timeout = Annotated[str, typer.Option(metavar="TIME", help="Longest wait for a whole answer.")]
ConnectTimeout = Annotated[str, typer.Option(metavar="TIME", help="Longest wait for a connection.")]
Serve = Annotated[
    str | None,
    typer.Option(
        metavar="[HOST:PORT]",
        help=f"Serve the live scorecard as /api/esr/score meanwhile (default {DEFAULT_SERVE}).",
    ),
]


@app.command()
@app.command("start", help="The same as replay, in the words of the first guided tour.")
@replay_app.command()
def replay(
    scenario: Scenario,
    speed: Speed = None,
    users: Users = None,
    duration: Duration = None,
    arrivals: Arrivals = None,
    loop: Loop = None,
    seed: Seed = None,
    target: Target = None,
    slo: Slo = None,
    json_file: Json = None,
    serve: Serve = None,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
    allow_kind: AllowKind = None,
    workers: Workers = 1,
    connections: Connections = None,
    timeout: Timeout = "30s",
    connect_timeout: ConnectTimeout = "5s",
) -> None:
    """Re-fire a scenario's recorded traffic at a sandbox. The scorecard is printed."""
    from hms_esr.commands import replay_command
    from hms_esr.options import Reading, RunOptions

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, anonymise=anonymise,
        policy=policy, allow_kind=tuple(allow_kind or ()),
    )  # fmt: skip
    options = RunOptions(
        scenario=scenario, speed=speed, users=users, duration=duration, arrivals=arrivals,
        loop=loop, seed=seed, target=target, slo=tuple(slo or ()), reading=reading,
        workers=workers, connections=connections, timeout=timeout,
        connect_timeout=connect_timeout, command=tuple(sys.argv),
    )  # fmt: skip
    _exit(lambda: replay_command(options, json_file=json_file, serve=serve))


@app.command()
def plan(
    scenario: Scenario,
    speed: Speed = None,
    users: Users = None,
    duration: Duration = None,
    arrivals: Arrivals = None,
    loop: Loop = None,
    seed: Seed = None,
    target: Target = None,
    json_file: Json = None,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
    allow_kind: AllowKind = None,
) -> None:
    """Show what a replay would send, and to whom. Nothing is sent."""
    from hms_esr.commands import plan_command
    from hms_esr.options import Reading, RunOptions

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, anonymise=anonymise,
        policy=policy, allow_kind=tuple(allow_kind or ()),
    )  # fmt: skip
    options = RunOptions(
        scenario=scenario, speed=speed, users=users, duration=duration, arrivals=arrivals,
        loop=loop, seed=seed, target=target, reading=reading, command=tuple(sys.argv),
    )  # fmt: skip
    _exit(lambda: plan_command(options, json_file=json_file))


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, json_file: Json = None) -> None:
    """List the runs, newest first."""
    from hms_esr.commands import runs_command

    if context.invoked_subcommand is None:
        _exit(lambda: runs_command(json_file=json_file))


@runs_app.command("show")
def runs_show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the start of one.")],
    json_file: Json = None,
) -> None:
    """Show one run: its scorecard, its verdict and its files."""
    from hms_esr.commands import show_command

    _exit(lambda: show_command(run, json_file=json_file))


@runs_app.command("verify")
def runs_verify(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, latest, or an interlock file.")
    ],
    json_file: Json = None,
) -> None:
    """Check a run's signed interlock. Nobody may have changed it, nor the files beside it."""
    from hms_esr.verify import verify_command

    _exit(lambda: verify_command(run, json_file))


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """HMS-ESR: re-fire recorded traffic at a sandbox, and read an honest scorecard."""
    if version:
        typer.echo(f"hms-esr {__version__}")
        raise typer.Exit


def _exit(command: Callable[[], int]) -> None:
    raise typer.Exit(run_guarded(command))


# Options whose value may be left out; click can say that only for flags.
_OPTIONAL_VALUES = {
    "--loop": ("forever", re.compile(r"\d+|forever")),
    "--serve": (DEFAULT_SERVE, re.compile(r"(\S*:)?\d+")),
}


def spell_out(arguments: Sequence[str]) -> list[str]:
    """Give `--loop` and `--serve` their default value where none follows."""
    spelled: list[str] = []
    for position, argument in enumerate(arguments):
        if argument == "--":
            return [*spelled, *arguments[position:]]
        spelled.append(argument)
        default, shape = _OPTIONAL_VALUES.get(argument, ("", None))
        following = arguments[position + 1] if position + 1 < len(arguments) else ""
        if shape is not None and not shape.fullmatch(following):
            spelled[-1] = f"{argument}={default}"
    return spelled


def _run(application: typer.Typer) -> None:
    prepare_streams()
    # SIGTERM is Ctrl-C: whatever was begun is put away before the process ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        application(args=spell_out(sys.argv[1:]), prog_name=Path(sys.argv[0]).name)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    except OSError as error:
        # Only help texts are printed without a Voice.
        if sys.stdout is not None:
            turn_away(sys.stdout)
        say(f"the output cannot be written: {error.strerror or error}")
        sys.exit(USAGE)


def main() -> None:
    """Entry point of `esr` and `hms-esr`."""
    _run(app)


def replay_main() -> None:
    """Entry point of `esr-replay`, the short form of `esr replay`."""
    _run(replay_app)
