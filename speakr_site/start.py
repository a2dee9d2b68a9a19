"""What `make run` and every container start: `python -m speakr_site.start ROLE`.

It makes things ready and then becomes the program that does the work: signals reach that directly.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from speakr_site import env
from speakr_site.supervise import is_running

HERE = Path(__file__).resolve().parent
MANAGE = str(HERE.parent / "manage.py")
LANES = ("speakr", "gpu", "text")
USAGE = "usage: python -m speakr_site.start all | web | cluster [gpu|text] | watch"


def main(arguments: list[str]) -> NoReturn:
    match arguments:
        case ["all"]:
            data_dir = _make_ready()
            command, environment = supervisor(data_dir)
            sys.stdout.write(f"Logs are in {data_dir / 'logs'}. Ctrl-C stops everything.\n")
            _become(command, environment)
        case ["web"]:
            # In a container, what is printed is a log.
            _make_ready("--logged")
            _become([sys.executable, "-m", "gunicorn", "--config", str(HERE / "gunicorn.py")])
        case ["cluster"]:
            _serve_lane("speakr")
        case ["cluster", lane] if lane in LANES:
            _serve_lane(lane)
        case ["watch"]:
            _become([sys.executable, MANAGE, "watch"])
        case _:
            sys.exit(USAGE)


def supervisor(data_dir: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of what runs web server, clusters and watch on a data directory."""
    (data_dir / "logs").mkdir(exist_ok=True, mode=0o750)
    command = [sys.executable, "-P", str(HERE / "supervise.py"), str(data_dir)]
    command += ["-c", str(HERE / "supervisord.conf")]
    if os.getuid() == 0:
        # Said aloud, it is no longer warned about.
        command += ["--user", "root"]
    # Its programs say `python` and mean this one, virtual environment active or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), env.text("PATH", os.defpath)])
    return command, {**env.everything(), "DATA_DIR": str(data_dir), "PATH": path}


def data_dir_problem(data_dir: Path) -> str:
    """Why no server can start there, in a sentence; empty when one can."""
    if not is_running(data_dir):
        return ""
    return f"A Speakr runs on {data_dir} already. Stop it, or choose another place with DATA_DIR."


def port_problem(host: str, port: int) -> str:
    """Why nothing could listen there, in a sentence; empty when it could."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As gunicorn does: connections of a server that just ended are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return (
            f"Speakr cannot listen on {host}, port {port}: {error.strerror or error}. "
            "Stop what listens there, or choose another port, for example with PORT=8001."
        )
    return ""


def _make_ready(*options: str) -> Path:
    """Settings, port, database, first login; ends the process with a sentence where one fails.

    The data directory.
    """
    env.name_settings()
    try:
        django.setup()
        from django.conf import settings

        problem = data_dir_problem(settings.DATA_DIR) or port_problem(settings.HOST, settings.PORT)
        if problem:
            sys.exit(problem)
        call_command("prepare", *options)
        return settings.DATA_DIR
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(f"Speakr cannot start: {error}")
    except OSError as error:
        sys.exit(f"Speakr cannot start: {error.strerror or error} ({error.filename}).")


def _serve_lane(lane: str) -> NoReturn:
    _become([sys.executable, MANAGE, "qcluster"], {**env.everything(), "Q_CLUSTER_NAME": lane})


def _become(command: list[str], environment: dict[str, str] | None = None) -> NoReturn:
    sys.stdout.flush()
    os.execve(command[0], command, environment or env.everything())


if __name__ == "__main__":
    main(sys.argv[1:])
