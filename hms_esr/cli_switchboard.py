"""The command line of the switchboard: its doors, its rules and its mode. Arguments in, a call out.

As in `cli.py`, only typer is imported at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from hms_esr.exits import run_guarded

Json = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write the result as JSON to a file, or - for stdout."
    ),
]
Rules = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="The rules file (default: $ESR_RULES, else ./switchboard.yml)."
    ),
]
Listen = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Where to accept; port 0 is any free one.")
]
Record = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Write what passes as OPS events, ready to be replayed."),
]
Interlock = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Where the signed interlock.json is kept up to date."),
]
ModeFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The mode file (default: beside the rules file)."),
]
Who = Annotated[str | None, typer.Option(metavar="NAME", help="Who flips it, for the audit log.")]
Why = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the audit log.")]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="Longest wait until nothing is left of the old way.")
]
ControlUrl = Annotated[
    str | None,
    typer.Option("--control", metavar="URL", help="Ask a running gateway's control API instead."),
]
DEFAULT_TIMEOUT = "15s"

switchboard_app = typer.Typer(
    help="The rules of the switchboard, and its mode.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add_doors(app: typer.Typer) -> None:
    """Put the switchboard's commands under `esr`."""
    app.command()(gateway)
    app.command()(proxy)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        contain
    )
    app.add_typer(switchboard_app, name="switchboard")


def gateway(
    listen: Listen = "127.0.0.1:8080",
    rules: Rules = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    record: Record = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Like --record, without any bodies.")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve the control API and /metrics there."),
    ] = None,
    mode_file: ModeFile = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Accept TLS with this certificate (PEM).")
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The private key of --tls-cert.")
    ] = None,
    interlock: Interlock = None,
    seed: Annotated[int, typer.Option(help="Decides what stubs in place and faults draw.")] = 0,
    chaos: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Play the faults of this file in front of the sandbox."),
    ] = None,
    max_connections: Annotated[
        int | None, typer.Option(min=1, help="Most connections, for each process.")
    ] = None,
    max_body_bytes: Annotated[
        int | None, typer.Option(min=0, help="The largest request body (default: no limit).")
    ] = None,
    drain: Annotated[
        str, typer.Option(metavar="TIME", help="Longest wait for what is under way to end.")
    ] = "10s",
) -> None:
    """Run the fast door, a reverse proxy into the sandbox. It refuses all other hosts."""
    from hms_esr.gateway_command import gateway_command

    _exit(
        lambda: gateway_command(
            listen=listen, rules=rules, workers=workers, record=record, access_log=access_log,
            control=control, mode_file=mode_file, tls_cert=tls_cert, tls_key=tls_key,
            interlock=interlock, seed=seed, chaos=chaos, max_connections=max_connections,
            max_body_bytes=max_body_bytes, drain=drain,
        )
    )  # fmt: skip


def proxy(
    mode: Annotated[
        str,
        typer.Option(metavar="MODE", help="forward, reverse, transparent, socks5 or dns."),
    ] = "forward",
    listen: Listen = "127.0.0.1:8081",
    rules: Rules = None,
    record: Record = None,
    mode_file: ModeFile = None,
    ca_dir: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Where its own authority is kept (default: .esr/proxy-ca)."
        ),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="With --mode dns: the address of every name."),
    ] = None,
    interlock: Interlock = None,
    seed: Annotated[int, typer.Option(help="Decides what stubs in place and faults draw.")] = 0,
    chaos: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Play the faults of this file: names, certificates, answers."
        ),
    ] = None,
) -> None:
    """Run the door for clients that cannot be configured. It takes their TLS too."""
    from hms_esr.proxy_command import proxy_command

    _exit(
        lambda: proxy_command(
            mode=mode, listen=listen, rules=rules, record=record, mode_file=mode_file,
            ca_dir=ca_dir, answer=answer, interlock=interlock, seed=seed, chaos=chaos,
        )
    )  # fmt: skip


def contain(context: typer.Context, rules: Rules = None, record: Record = None) -> None:
    """Run a command whose only way out is the switchboard. It gets a network of its own."""
    from hms_esr.contain import contain_command

    _exit(lambda: contain_command(context.args, rules=rules, record=record))


# A curl command need not stand in quotes: what follows its first word is its own.
@switchboard_app.command(
    "explain",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
def explain(
    request: Annotated[
        list[str],
        typer.Argument(
            metavar="URL|CURL",
            help="URL, METHOD URL, a curl command, or - for standard input.",
        ),
    ],
    rules: Rules = None,
    mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="As if the mode were sandbox or live.")
    ] = None,
    sni: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="The name given in TLS, where it is not the URL's."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Say what would become of a request, and by which rule. Nothing is sent."""
    from hms_esr.switchboard_command import explain_command

    _exit(lambda: explain_command(request, rules=rules, mode=mode, sni=sni, json_file=json_file))


@switchboard_app.command("check")
def check(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|NAME]", help="A rules file, or an environment's name."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Look for all that is wrong with a rules file. Or with an environment, named as for a run."""
    from hms_esr.switchboard_command import check_command

    _exit(lambda: check_command(target, json_file=json_file))


@switchboard_app.command("show")
def show(
    rules: Rules = None,
    mode_file: ModeFile = None,
    control: ControlUrl = None,
    json_file: Json = None,
) -> None:
    """Show the mode, who flipped it last, and why."""
    from hms_esr.switchboard_command import show_command

    _exit(
        lambda: show_command(rules=rules, mode_file=mode_file, control=control, json_file=json_file)
    )


@switchboard_app.command("live")
def live(
    why: Why = None,
    who: Who = None,
    rules: Rules = None,
    mode_file: ModeFile = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    control: ControlUrl = None,
    json_file: Json = None,
) -> None:
    """Let requests through to the live upstreams. The rules name them; say --why."""
    from hms_esr.switchboard_command import flip_command

    _exit(
        lambda: flip_command(
            "live", rules=rules, mode_file=mode_file, who=who, why=why, timeout=timeout,
            control=control, json_file=json_file,
        )
    )  # fmt: skip


@switchboard_app.command("sandbox")
def sandbox(
    why: Why = None,
    who: Who = None,
    rules: Rules = None,
    mode_file: ModeFile = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    control: ControlUrl = None,
    json_file: Json = None,
) -> None:
    """Send every request into the sandbox. Returns when nothing takes the live way any more."""
    from hms_esr.switchboard_command import flip_command

    _exit(
        lambda: flip_command(
            "sandbox", rules=rules, mode_file=mode_file, who=who, why=why, timeout=timeout,
            control=control, json_file=json_file,
        )
    )  # fmt: skip


def _exit(command: Callable[[], int]) -> None:
    raise typer.Exit(run_guarded(command))
