"""The walls of the house (house, section 2.3), read from the source: imports inside functions count
too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("accounts", "organizing", "speakers", "hooks", "recordings")
CORE, ROOF = "speakr_site.core", "speakr_site"

MAY_IMPORT = {
    CORE: set(),
    "accounts": {CORE},
    "organizing": {CORE, "accounts"},
    "speakers": {CORE, "accounts"},
    "hooks": {CORE, "accounts"},
    "recordings": {CORE, "accounts", "organizing", "speakers", "hooks"},
    ROOF: {CORE, *ROOMS},
}

# Inside a room, from the door to the ground; a part imports only those after it.
LAYERS = [
    {"api", "pages", "admin", "management", "tasks", "receivers", "apps"},
    {"services"},
    {"pipeline", "engines", "connectors", "exports", "llm", "engine_host", "engine_child"},
    {"delivery", "outbox", "pruning"},
    {"models", "querysets", "storage", "audio", "diarization", "voices", "envelope", "net"},
]
# The pipeline's writes and the services' share the rules of a recording at rest.
LAYER_EXCEPTIONS = {
    ("recordings/pipeline/commit.py", "recordings.services.processing"),
    ("recordings/pipeline/commit_texts.py", "recordings.services.processing"),
}

HEAVY = {
    "torch", "faster_whisper", "onnxruntime", "pyannote", "ctranslate2", "av", "scipy", "sumy",
    "nltk", "yake", "networkx",
}  # fmt: skip
# Only ever imported by a child process.
CHILD_FILES = ("recordings/engine_child", "recordings/engine_whisper", "recordings/audio/")

PURE = (
    "hooks/envelope.py",
    "hooks/outcomes.py",
    "organizing/naming.py",
    "recordings/audio/",
    "recordings/connectors/base.py",
    "recordings/pipeline/align.py",
    "recordings/pipeline/appointments.py",
    "recordings/pipeline/sentences.py",
    "recordings/pipeline/stitch.py",
    "recordings/exports/",
    "recordings/llm/extractive.py",
    "recordings/llm/prompts.py",
    "recordings/llm/replies.py",
    "recordings/llm/schemas.py",
    "recordings/llm/sections.py",
    "recordings/retention.py",
    "speakers/voices.py",
    "speakers/diarization/",
)

DOORS = {
    "django_q": {
        "speakr_site/core/queue.py",
        "speakr_site/core/cluster.py",
        "speakr_site/core/management/commands/qcluster.py",
    },
    "urllib3": {"hooks/net.py"},
    "subprocess": {"recordings/audio/media.py", "recordings/engine_host.py", "speakr_site/demo.py"},
}
TRANSACTIONS = (
    "recordings/services/",
    "accounts/services/",
    "organizing/services.py",
    "speakers/services.py",
    "hooks/services.py",
    "hooks/delivery.py",
    "recordings/pipeline/commit.py",
    "recordings/pipeline/commit_texts.py",
    "recordings/pipeline/stages.py",
    "speakr_site/core/ledger.py",
)
BROAD_EXCEPT = {"recordings/pipeline/run.py", "hooks/delivery.py"}


@cache
def sources() -> dict[str, ast.Module]:
    """Every product file by its path, without migrations."""
    paths = [
        path
        for folder in (*ROOMS, ROOF)
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts
    ]
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in paths
    }


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(dotted: str) -> str | None:
    if dotted == CORE or dotted.startswith(f"{CORE}."):
        return CORE
    head = dotted.partition(".")[0]
    return head if head in (*ROOMS, ROOF) else None


def dotted_path(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def layer_of(room: str, dotted: str) -> int | None:
    part = dotted.removeprefix(f"{room}.").partition(".")[0]
    return next((index for index, layer in enumerate(LAYERS) if part in layer), None)


def test_rooms_import_only_what_lies_below_them() -> None:
    # env.py and database.py are read by settings only; engines.py hands the environment to its
    # child.
    allowed = {
        ("recordings/engines.py", "speakr_site.env"),
        ("recordings/engines.py", "speakr_site"),
    }
    wrong = []
    for path, tree in sources().items():
        room = room_of(dotted_path(path))
        for name in imports(tree):
            other = room_of(name)
            if other in (None, room) or other in MAY_IMPORT[room]:
                continue
            if (path, name) in allowed or name == "speakr_site.env.everything":
                continue
            wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_arrows_inside_a_room_point_one_way() -> None:
    wrong = []
    for path, tree in sources().items():
        room = room_of(dotted_path(path))
        if room not in ROOMS:
            continue
        here = layer_of(room, dotted_path(path))
        for name in imports(tree):
            if room_of(name) != room or here is None:
                continue
            there = layer_of(room, name)
            if there is not None and there < here and (path, name) not in LAYER_EXCEPTIONS:
                if any((path, name.rpartition(".")[0]) == known for known in LAYER_EXCEPTIONS):
                    continue
                wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_heavy_libraries_are_loaded_in_functions_of_engine_files_only() -> None:
    wrong = []
    for path, tree in sources().items():
        if path.startswith(CHILD_FILES):
            continue
        for node in tree.body:
            for name in imports(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
                if name.partition(".")[0] in HEAVY:
                    wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_the_server_starts_without_an_engine_library() -> None:
    code = (
        "import django, sys; django.setup(); import speakr_site.wsgi, importlib;"
        "importlib.import_module('speakr_site.urls');"
        "import recordings.tasks;"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**__import__("os").environ, "DJANGO_SETTINGS_MODULE": "speakr_site.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("library", DOORS)
def test_each_of_these_has_one_door(library: str) -> None:
    users = {
        path
        for path, tree in sources().items()
        if any(name.partition(".")[0] == library for name in imports(tree))
    }
    assert users <= DOORS[library]


def test_the_environment_is_read_in_one_place() -> None:
    users = {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert users <= {"speakr_site/env.py", "speakr_site/wsgi.py", "speakr_site/demo.py"}


def test_pure_modules_know_neither_django_nor_settings() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, tree in sources().items()
        if path.startswith(PURE)
        for name in imports(tree)
        if name.partition(".")[0] in ("django", "rest_framework", "constance")
    ]
    assert wrong == []


def test_transactions_are_opened_by_services_and_the_pipeline_s_writes() -> None:
    users = {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "atomic"
    }
    assert {path for path in users if not path.startswith(TRANSACTIONS)} == set()


def test_receivers_stand_in_receivers_py() -> None:
    users = {
        path for path, tree in sources().items() if "django.dispatch.receiver" in set(imports(tree))
    }
    assert users <= {"recordings/receivers.py"}


def test_serializers_never_write() -> None:
    wrong = [
        f"{path}: {cls.name}.{node.name}"
        for path, tree in sources().items()
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef) and cls.name.endswith("Serializer")
        for node in cls.body
        if isinstance(node, ast.FunctionDef) and node.name in ("create", "update", "save")
    ]
    assert wrong == []


def test_every_view_of_the_api_is_scoped() -> None:
    named = {"DocsView", "OpenApiView"}
    wrong = [
        f"{path}: {node.name}"
        for path, tree in sources().items()
        if "/api/" in path
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(("ViewSet", "View"))
        if not {getattr(base, "id", "") for base in node.bases}
        & {"ScopedViewSet", "GenericViewSet"}
        and node.name not in named
    ]
    assert wrong == []


def test_broad_excepts_stand_where_work_is_run() -> None:
    wrong = []
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            kinds = ast.walk(node.type) if node.type else [ast.Name("BaseException")]
            broad = {getattr(kind, "id", "") for kind in kinds} & {"Exception", "BaseException"}
            raises = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
            if broad and path not in BROAD_EXCEPT and not raises:
                wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


def test_nothing_grows_beyond_reading_size() -> None:
    wrong = []
    for path, tree in sources().items():
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > 400:
            wrong.append(f"{path}: {lines} lines")
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = node.end_lineno - node.lineno + 1
            if length > 60:
                wrong.append(f"{path}: {node.name} has {length} lines")
            arguments = [
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                if argument.arg not in ("self", "cls")
            ]
            if len(arguments) > 6:
                wrong.append(f"{path}: {node.name} has {len(arguments)} parameters")
    assert wrong == []
