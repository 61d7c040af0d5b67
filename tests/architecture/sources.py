"""The product's own source, parsed once."""

import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veilleur.kernel import errors

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs/shared", "services/api", "services/worker")
PROBLEMS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.Problem)}


@dataclass(frozen=True)
class Source:
    name: str
    tree: ast.Module

    def where(self, node: ast.AST) -> str:
        return f"{self.name}:{node.lineno}"


@cache
def list_sources() -> tuple[Source, ...]:
    """Every Python file of the product, its name from the folder that is on the path."""
    return tuple(
        Source(str(file.relative_to(ROOT / folder)), ast.parse(file.read_text(encoding="utf-8")))
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*.py"))
    )


def list_calls(*names: str) -> Iterator[tuple[Source, ast.Call]]:
    """Calls of a function or class by its bare name, `module.name(…)` included."""
    for source in list_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and name_of(node.func) in names:
                yield source, node


def list_texts() -> Iterator[tuple[Source, ast.Constant]]:
    """Every string constant, the pieces of f-strings and docstrings included."""
    for source in list_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield source, node


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def list_fields(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
