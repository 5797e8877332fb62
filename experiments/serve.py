"""Serve decisions and plans over HTTP. ``--help`` shows how."""

from __future__ import annotations

import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.plumbing.operating import TOKEN, parser

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agents.operation.service.core import Core
    from agents.operation.settings import Service

SHORTEST: Final = 16
"""Letters of a token: shorter ones can be guessed."""
CONNECTIONS: Final = 1000
"""Open at once; one more is answered with 503."""
KEPT_SECONDS: Final = 60
"""That a connection is kept on which nobody asks anything."""
SHADOW_SECONDS: Final = 0.5
"""That are left, when all requests are answered, to what is done behind them."""
OPTIONS: Final = {
    "policy": "policy",
    "fallback": "fallback",
    "deadline_ms": "deadline_ms",
    "history": "history",
    "shadow": "shadow",
    "host": "service.host",
    "port": "service.port",
}
"""Options of the command line, and the settings that they change."""
EXTRA: Final = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: it cannot: the port is taken, or the host is none of this machine.
    """
    from experiments.plumbing.cli import UsageError

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"cannot listen at port {port} of {host!r}: {(error.strerror or str(error)).partition(' (')[0]}; "
            "must be a name of this machine and a port that is free: --port 0 takes any"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens there."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def read_token(file: str | None) -> str | None:
    """Return the token of a file, or of the environment; None without either.

    Raises:
        UsageError: it is too short.
        OSError: the file cannot be read.
    """
    from experiments.plumbing.cli import UsageError

    token = os.environ.get(TOKEN) if file is None else Path(file).read_text(encoding="utf-8", errors="replace")
    if token is None:
        return None
    if len(token.strip()) < SHORTEST or not token.strip().isascii():
        place = TOKEN if file is None else file
        raise UsageError(f"{place}: the token has {len(token.strip())} letters, must be {SHORTEST} or more of ASCII")
    return token.strip()


def run(app: FastAPI, core: Core, place: socket.socket, limits: Service) -> None:
    """Serve until somebody says stop; what runs is finished first, as far as the limits allow."""
    import uvicorn

    from experiments.reports.live.service import watch

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=limits.stop_seconds,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEPT_SECONDS,
    )
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has stopped
    server = uvicorn.Server(config)
    watch(app, core, lambda: server.should_exit)
    server.run(sockets=[place])
    left = core.close(SHADOW_SECONDS)
    told = f"{left} unfinished after {limits.stop_seconds} s" if left else "everything was finished"
    print(f"parley serve: stopped; {told}", file=sys.stderr, flush=True)
    if left:
        os._exit(1)  # threads cannot be stopped, and Python would wait for them


def main() -> None:
    """Run ``parley serve``."""
    options = parser("serve", "Decide and plan over HTTP (see docs/serve.md).", file=False, policy=False, as_json=False)
    options.add_argument(
        "--config", default="default", metavar="NAME", help="a recipe of conf/operation, or a YAML file (default)"
    )
    options.add_argument("--policy", help="a trained policy, its folder, or a pair of rules as in wsrpt,drf")
    options.add_argument("--fallback", metavar="RULES", help="decide where the policy gives no valid answer in time")
    options.add_argument("--deadline-ms", type=float, help="milliseconds after which the fallback decides")
    options.add_argument("--history", metavar="DB", help="append every decision to this file")
    options.add_argument("--shadow", metavar="POLICY", help="have it decide beside, and count how often the two agree")
    options.add_argument("--host", help="where to listen; elsewhere than on the loopback only with a token")
    options.add_argument("--port", type=int, help="0: any that is free, which is printed")
    options.add_argument(
        "--token-file", metavar="FILE", help=f"the token that requests need; otherwise from {TOKEN}, if set"
    )
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("serve"):
        changes = {OPTIONS[name]: value for name, value in vars(given).items() if name in OPTIONS and value is not None}
        cli.set_threads(1)
        from experiments.plumbing.operation import read_operation

        operation = read_operation(given.config, changes)
        limits = operation.service
        token = read_token(given.token_file)
        if token is None and not is_loopback(limits.host):
            raise cli.UsageError(
                f"--host is {limits.host!r} and there is no token, must be the loopback, or give one: {TOKEN} or --token-file"
            )
        try:
            from agents.operation.service.app import create_app
            from agents.operation.service.core import Core
        except ModuleNotFoundError as error:
            if error.name not in EXTRA:
                raise
            raise cli.UsageError(
                f"{error.name} is not installed, must be: pip install 'parley-world[service]'"
            ) from None
        logging.basicConfig(level=logging.WARNING, format="parley serve: %(message)s")
        with listen(limits.host, limits.port) as place:
            core = Core(operation)
            name = f"[{limits.host}]" if ":" in limits.host else limits.host
            address = f"http://{name}:{place.getsockname()[1]}"
            print(
                f"{address} serves {operation.policy}; /docs shows how, /live how it goes, Ctrl-C stops it", flush=True
            )
            gc.freeze()  # what is loaded stays: to look through it for garbage would make a decision late now and then
            run(create_app(core, token=token, hosts=[name]), core, place, limits)


if __name__ == "__main__":
    main()
