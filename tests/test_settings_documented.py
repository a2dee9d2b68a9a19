"""Every variable that the code reads is named where an operator looks for it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import REPOSITORY

READERS = {
    "text", "flag", "integer", "integers", "choice", "items", "networks", "pattern", "rate",
    "secret", "zone",
}  # fmt: skip
# Set by supervisord and by the shell, not by an operator; TZ is the older name of TIME_ZONE.
OURS = {"SUPERVISOR_ENABLED", "PATH", "TZ"}


def variables_read() -> set[str]:
    """First arguments of the calls `env.text("NAME", ...)` and the like on the roof."""
    names = set()
    for path in (REPOSITORY / "speakr_site").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="env"), attr=reader),
                    args=[ast.Constant(value=str(name)), *_],
                ) if reader in READERS:
                    names.add(name)
    return names - OURS


@pytest.mark.parametrize("document", ["README.md", ".env.example"])
def test_every_variable_is_documented(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    pattern = r"`([A-Z][A-Z_]+)`" if document.endswith(".md") else r"(?m)^#?([A-Z_]+)="
    assert len(variables_read()) > 40
    assert variables_read() - set(re.findall(pattern, text)) == set()
