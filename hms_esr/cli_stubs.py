"""The command line of stubs, faults and drills. Arguments in, a call out.

As in `cli.py`, only typer is imported at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from hms_esr.exits import run_guarded

if TYPE_CHECKING:  # a command line is read before anything heavy is imported
    from hms_esr.drill_command import DrillOptions

Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write the result as JSON to a file, or - for stdout."
    ),
]
Drill = Annotated[str, typer.Argument(metavar="DRILL", help="A drill's id, or a drill file.")]
Scenario = Annotated[
    str | None, typer.Option(metavar="S", help="Play this scenario instead of the drill's own.")
]
Speed = Annotated[
    str | None, typer.Option(metavar="X", help="Recorded time over wall time, such as 60x.")
]
Seed = Annotated[int | None, typer.Option(help="Decides clones, arrivals, latencies and faults.")]
Users = Annotated[int | None, typer.Option(help="Play this many sessions.")]
Duration = Annotated[
    str | None, typer.Option(metavar="TIME", help="Play only the first part of the window.")
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Worker processes that send.")]
Target = Annotated[
    str | None, typer.Option(metavar="NAME|URL", help="Faults are played by the embedded stubs.")
]
Run = Annotated[
    str,
    typer.Option(metavar="RUN|latest", help="A live run: its id, the start of one, or latest."),
]
Gateway = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A running `esr stubs serve` instead of a run."),
]

stubs_app = typer.Typer(
    help="Agent stubs: stand-ins for services.", no_args_is_help=True, rich_markup_mode=None
)
drill_app = typer.Typer(
    help="Drills: a hypothesis, faults on cue, and a verdict.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
chaos_app = typer.Typer(help="Faults of a live run.", no_args_is_help=True, rich_markup_mode=None)


def add_stubs(app: typer.Typer) -> None:
    """Put the commands of stubs, faults and drills under `esr`."""
    app.add_typer(stubs_app, name="stubs")
    app.add_typer(drill_app, name="drill")
    app.add_typer(chaos_app, name="chaos")


@stubs_app.command("serve")
def stubs_serve(
    services: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SERVICE]...", help="Names of services (default: all of them)."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to accept; port 0 is any free one.")
    ] = "127.0.0.1:8090",
    definitions: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Definitions of one's own; can be repeated."),
    ] = None,
    port_each: Annotated[
        bool, typer.Option("--port-each", help="Give every service a port of its own as well.")
    ] = False,
    admin: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve the admin API there, and nowhere else."),
    ] = None,
    toxiproxy: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve the Toxiproxy API there: 127.0.0.1:8474."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides everything that looks random.")] = 0,
    chaos: Annotated[
        str | None, typer.Option(metavar="FILE", help="Faults on cue, from when it starts.")
    ] = None,
    latencies: Annotated[
        str | None, typer.Option(metavar="FILE", help="Latencies that `esr stubs learn` wrote.")
    ] = None,
    answers: Annotated[
        str | None, typer.Option(metavar="FILE", help="Answers learned from a tape, as JSON.")
    ] = None,
    allow_callback: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST|NET", help="Where callbacks may go besides this machine."),
    ] = None,
    is_list: Annotated[
        bool, typer.Option("--list", help="Show the services and their routes, and end.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Stand in for services until told to stop. Prints `ready HOST:PORT` once it accepts."""
    from hms_esr.stubs_command import serve_command

    _exit(
        lambda: serve_command(
            services or (), listen=listen, definitions=definitions or (), port_each=port_each,
            admin=admin, toxiproxy=toxiproxy, seed=seed, chaos=chaos, latencies=latencies,
            answers=answers, allow_callback=allow_callback or (), is_list=is_list,
            json_file=json_file,
        )
    )  # fmt: skip


@stubs_app.command("learn")
def stubs_learn(
    tape: Annotated[
        str, typer.Argument(metavar="TAPE", help="A tape's folder, a log, or a scenario.")
    ],
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="The file of latencies to write.")
    ] = "latencies.json",
    trace_format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Read the log as this format."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Learn how slow each route was. Says how well that fits what was recorded."""
    from hms_esr.stubs_learn import learn_command

    _exit(lambda: learn_command(tape, out=out, trace_format=trace_format, json_file=json_file))


@stubs_app.command("import")
def stubs_import(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="OpenAPI, HAR, WireMock, Hoverfly, mountebank, Chaos Toolkit, or a tape.",
        ),
    ],
    out: Annotated[
        str | None, typer.Option("--out", metavar="FOLDER", help="Where definitions are written.")
    ] = None,
    as_format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Read it as this, whatever it looks like."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Make definitions of another tool's stubs. Says what was lost on the way."""
    from hms_esr.stubs_import import import_command

    _exit(lambda: import_command(file, out=out, as_format=as_format, json_file=json_file))


@drill_app.command("run")
def drill_run(
    drill: Drill,
    scenario: Scenario = None,
    speed: Speed = None,
    seed: Seed = None,
    users: Users = None,
    duration: Duration = None,
    target: Target = None,
    workers: Workers = 1,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="An earlier run without faults, instead of a new one."),
    ] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Inject at once, without a run to compare with.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Play the steady state, then the same with faults. Says what each fault cost."""
    from hms_esr.drill_command import drill_run_command

    options = _drill_options(
        drill, scenario, speed, seed, users, duration, target, workers, baseline, not no_baseline
    )
    _exit(lambda: drill_run_command(options(), json_file=json_file))


@drill_app.command("search")
def drill_search(
    drill: Drill,
    fault: Annotated[
        str | None, typer.Option(metavar="ID", help="Which fault, when there are several.")
    ] = None,
    over: Annotated[
        str,
        typer.Option(metavar="NAME", help="What grows: for, probability, or a parameter (ms)."),
    ] = "for",
    start: Annotated[
        str, typer.Option("--from", metavar="X", help="A size that still holds: 30s, 0.1, 100.")
    ] = "10s",
    end: Annotated[
        str,
        typer.Option("--to", metavar="X", help="A size that breaks it; may be the smaller number."),
    ] = "10m",
    tolerance: Annotated[
        str | None, typer.Option(metavar="X", help="How exactly (default: 1/32 of the range).")
    ] = None,
    tries: Annotated[int, typer.Option(min=3, max=64, help="Most runs.")] = 12,
    scenario: Scenario = None,
    speed: Speed = None,
    seed: Seed = None,
    users: Users = None,
    duration: Duration = None,
    target: Target = None,
    workers: Workers = 1,
    json_file: Json = None,
) -> None:
    """Find how small a fault still does harm, by bisection.

    Harm is a missed objective, or a hypothesis that does not hold.
    """
    from hms_esr.drill_search_command import SearchOptions, drill_search_command

    options = _drill_options(
        drill, scenario, speed, seed, users, duration, target, workers, None, True
    )
    search = SearchOptions(fault, over, start, end, tolerance, tries)
    _exit(lambda: drill_search_command(options(), search, json_file=json_file))


@drill_app.command("list")
def drill_list(json_file: Json = None) -> None:
    """List the drills that can be run by name."""
    from hms_esr.drill_command import drill_list_command

    _exit(lambda: drill_list_command(json_file=json_file))


@chaos_app.command("inject")
def chaos_inject(
    fault: Annotated[
        list[str],
        typer.Argument(
            metavar="FAULT|FILE",
            help="Words such as `down ach for=3m`, JSON, or a file of faults.",
        ),
    ],
    run: Run = "latest",
    gateway: Gateway = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long, in recorded time.")
    ] = None,
    ttl: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="It ends after so long whatever else is said."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, for whoever reads the report.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Inject a fault into a run that is under way."""
    from hms_esr.chaos_command import chaos_inject_command

    _exit(
        lambda: chaos_inject_command(
            fault, run=run, gateway=gateway, lasting=lasting, ttl=ttl, reason=reason,
            json_file=json_file,
        )
    )  # fmt: skip


@chaos_app.command("list")
def chaos_list(run: Run = "latest", gateway: Gateway = None, json_file: Json = None) -> None:
    """Show the faults of a run that is under way. Says how many requests each touched."""
    from hms_esr.chaos_command import chaos_list_command

    _exit(lambda: chaos_list_command(run=run, gateway=gateway, json_file=json_file))


@chaos_app.command("clear")
def chaos_clear(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which (default: all of them).")
    ] = None,
    run: Run = "latest",
    gateway: Gateway = None,
    json_file: Json = None,
) -> None:
    """End faults of a run that is under way."""
    from hms_esr.chaos_command import chaos_clear_command

    _exit(lambda: chaos_clear_command(ids or (), run=run, gateway=gateway, json_file=json_file))


def _drill_options(
    drill: str,
    scenario: str | None,
    speed: str | None,
    seed: int | None,
    users: int | None,
    duration: str | None,
    target: str | None,
    workers: int,
    baseline: str | None,
    has_baseline: bool,
) -> Callable[[], DrillOptions]:
    """Made late: what a drill is costs a while to import."""

    def make() -> DrillOptions:
        from hms_esr.drill_command import DrillOptions

        return DrillOptions(
            drill, scenario=scenario, speed=speed, seed=seed, users=users, duration=duration,
            target=target, workers=workers, baseline=baseline, has_baseline=has_baseline,
            command=tuple(sys.argv),
        )  # fmt: skip

    return make


def _exit(command: Callable[[], int]) -> None:
    raise typer.Exit(run_guarded(command))
