"""The command line of traces and tapes. Arguments in, a call out.

As in `cli.py`, only typer is imported at once. Read next: `trace_reading.py` (what the options
about reading mean), then a command's own file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from hms_esr.exits import run_guarded
from hms_esr.options import Cut, Reading

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Files, folders, globs, /lake/... paths, s3://, gs:// or http(s):// addresses, or -.",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="Read the log as this format, whatever it looks like."
    ),
]
Mapping = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Which column is what, for CSV and Parquet (YAML)."),
]
SessionKey = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="What tells users apart: user, session, client, connection, cookie:NAME, "
        "header:NAME, jwt or jwt:CLAIM.",
    ),
]
Anonymise = Annotated[
    bool, typer.Option("--anonymise", help="Replace what could belong to a person first.")
]
Policy = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="What is done to which field (YAML); implies --anonymise."),
]
AllowKind = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND", help="Let findings of this kind through, on the record; can be repeated."
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write the result as JSON to a file, or - for stdout."
    ),
]
Out = Annotated[
    str,
    typer.Option(
        metavar="FILE|-", help="Where to write; a name in .gz or .zst is compressed, - is stdout."
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes that read the log.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Leave out what began earlier: a stamp, or +5m."),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Leave out what began then or later."),
]
Host = Annotated[
    list[str] | None, typer.Option(metavar="HOST", help="Keep this host; can be repeated.")
]
Route = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="Keep paths like this one: /v1/citizens/*."),
]
Method = Annotated[
    list[str] | None, typer.Option(metavar="METHOD", help="Keep this method; can be repeated.")
]
Status = Annotated[
    list[str] | None, typer.Option(metavar="CODE", help="Keep this recorded status: 404, 5xx.")
]
User = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Keep this user; can be repeated.")
]
Session = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Keep this session; can be repeated.")
]
Sample = Annotated[
    str | None,
    typer.Option(metavar="SHARE", help="Keep this share of the users, the same ones each time."),
]

trace_app = typer.Typer(
    help="Traces: what was recorded, looked at, cleaned and converted.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
tape_app = typer.Typer(help="Tapes: compiled traces.", no_args_is_help=True, rich_markup_mode=None)


def add_traces(app: typer.Typer) -> None:
    """Put the commands of traces and tapes under `esr`."""
    app.add_typer(trace_app, name="trace")
    app.add_typer(tape_app, name="tape")


@trace_app.command("info")
def trace_info(
    sources: Sources,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    workers: Workers = 1,
    json_file: Json = None,
) -> None:
    """Say what a log holds, what of it can be replayed, and what cannot and why."""
    from hms_esr.trace_info import info_command

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, workers=workers
    )
    _exit(lambda: info_command(sources, reading, json_file=json_file))


@trace_app.command("head")
def trace_head(
    sources: Sources,
    count: Annotated[
        int, typer.Option("-n", "--count", min=1, max=100_000, help="How many events.")
    ] = 10,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
) -> None:
    """Print the first events of a log as OPS events, without their credentials."""
    from hms_esr.trace_head import head_command

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key,
        anonymise=anonymise, policy=policy,
    )  # fmt: skip
    _exit(lambda: head_command(sources, reading, count))


@trace_app.command("scan")
def trace_scan(
    sources: Sources,
    trace_format: Format = None,
    mapping: Mapping = None,
    allow_kind: AllowKind = None,
    json_file: Json = None,
) -> None:
    """Look for what could belong to a real person or system. Exit code 97 where something is."""
    from hms_esr.trace_scan import scan_command

    reading = Reading(format=trace_format, mapping=mapping, allow_kind=tuple(allow_kind or ()))
    _exit(lambda: scan_command(sources, reading, json_file=json_file))


@trace_app.command("import")
def trace_import(
    sources: Sources,
    out: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write OPS events there; - is stdout.")
    ] = None,
    tape: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Compile a tape there instead.")
    ] = None,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
    allow_kind: AllowKind = None,
    seed: Annotated[int, typer.Option(help="Where inside their second coarse stamps fall.")] = 0,
    workers: Workers = 1,
    json_file: Json = None,
) -> None:
    """Turn a log of any format into OPS events, or straight into a tape."""
    from hms_esr.trace_import import import_command

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, anonymise=anonymise,
        policy=policy, allow_kind=tuple(allow_kind or ()), workers=workers,
    )  # fmt: skip
    _exit(lambda: import_command(sources, reading, out=out, tape=tape, seed=seed,
                                 json_file=json_file))  # fmt: skip


@trace_app.command("cut")
def trace_cut(
    sources: Sources,
    out: Out,
    start: From = None,
    end: To = None,
    host: Host = None,
    route: Route = None,
    method: Method = None,
    status: Status = None,
    user: User = None,
    session: Session = None,
    sample: Sample = None,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    json_file: Json = None,
) -> None:
    """Write the part of a log that is asked for, as OPS events."""
    from hms_esr.trace_write import cut_command

    reading = Reading(format=trace_format, mapping=mapping, session_key=session_key)
    cut = Cut(
        start=start, end=end, hosts=tuple(host or ()), routes=tuple(route or ()),
        methods=tuple(method or ()), statuses=tuple(status or ()), users=tuple(user or ()),
        sessions=tuple(session or ()), sample=sample,
    )  # fmt: skip
    _exit(lambda: cut_command(sources, reading, cut, out=out, json_file=json_file))


@trace_app.command("merge")
def trace_merge(
    sources: Sources,
    out: Out,
    trace_format: Format = None,
    mapping: Mapping = None,
    json_file: Json = None,
) -> None:
    """Write several logs, of any formats, as one log of OPS events in order of time."""
    from hms_esr.trace_write import merge_command

    reading = Reading(format=trace_format, mapping=mapping)
    _exit(lambda: merge_command(sources, reading, out=out, json_file=json_file))


@trace_app.command("anonymise")
def trace_anonymise(
    sources: Sources,
    out: Out,
    policy: Policy = None,
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    allow_kind: AllowKind = None,
    json_file: Json = None,
) -> None:
    """Write a log as OPS events in which nobody can be found again."""
    from hms_esr.trace_write import anonymise_command

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, anonymise=True,
        policy=policy, allow_kind=tuple(allow_kind or ()),
    )  # fmt: skip
    _exit(lambda: anonymise_command(sources, reading, out=out, json_file=json_file))


@trace_app.command("export")
def trace_export(
    sources: Sources,
    out: Out,
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", help="ops, har, gor or vegeta (JSON targets).")
    ],
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
    allow_kind: AllowKind = None,
    json_file: Json = None,
) -> None:
    """Write a log in a format that other tools read."""
    from hms_esr.trace_write import export_command

    reading = Reading(
        format=trace_format, mapping=mapping, session_key=session_key, anonymise=anonymise,
        policy=policy, allow_kind=tuple(allow_kind or ()),
    )  # fmt: skip
    _exit(lambda: export_command(sources, reading, to=to, out=out, json_file=json_file))


@tape_app.command("build")
def tape_build(
    sources: Sources,
    out: Annotated[str, typer.Option(metavar="FOLDER", help="Where the tape shall be.")],
    trace_format: Format = None,
    mapping: Mapping = None,
    session_key: SessionKey = None,
    anonymise: Anonymise = False,
    policy: Policy = None,
    allow_kind: AllowKind = None,
    seed: Annotated[int, typer.Option(help="Where inside their second coarse stamps fall.")] = 0,
    workers: Workers = 1,
    json_file: Json = None,
) -> None:
    """Compile a log of any format into a tape; `esr-replay FOLDER` plays it."""
    # The same command by the name of what it makes.
    trace_import(
        sources, out=None, tape=out, trace_format=trace_format, mapping=mapping,
        session_key=session_key, anonymise=anonymise, policy=policy, allow_kind=allow_kind,
        seed=seed, workers=workers, json_file=json_file,
    )  # fmt: skip


def _exit(command: Callable[[], int]) -> None:
    raise typer.Exit(run_guarded(command))
