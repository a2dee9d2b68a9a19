"""How gunicorn serves: threads in one process, which share the in-process cache. More processes
share one where REDIS_URL is set.
"""

from __future__ import annotations

from typing import Any

from speakr_site import env
from speakr_site.core.processes import die_with_parent

_host = env.text("HOST", "127.0.0.1")

wsgi_app = "speakr_site.wsgi:application"
bind = f"{f'[{_host}]' if ':' in _host else _host}:{env.integer('PORT', 8000)}"
worker_class = "gthread"
workers = env.integer("WEB_CONCURRENCY", 1, minimum=1, maximum=64)
threads = env.integer("WEB_THREADS", 8, minimum=1, maximum=256)
# A worker whose main loop is stuck this long is killed; a slow upload only holds a thread.
timeout = 120
graceful_timeout = 15
keepalive = 5
# A request line may hold ?token=, so none is ever written down.
accesslog = None
# Its place is the home directory: two instances would share it.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    if env.flag("SUPERVISOR_ENABLED", default=False):
        die_with_parent()


def post_fork(_server: Any, _worker: Any) -> None:
    die_with_parent()
