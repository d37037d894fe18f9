"""Python's documentation: of every docstring, the summary line and the rest."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from nightshift.demo.modules import Module
from nightshift.demo.texts import Described

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def docstrings(module: Module) -> Iterator[Described]:
    """Every function and class of a Python module that has a docstring."""
    try:
        source = module.path.read_text("utf-8")
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    for name, node in _definitions(module.name, tree):
        docstring = ast.get_docstring(node)
        if docstring:
            summary, _, body = docstring.partition("\n\n")
            yield Described(name, " ".join(summary.split()), body)


def _definitions(name: str, node: ast.AST) -> Iterator[tuple[str, Definition]]:
    """Functions and classes with their dotted names, in the order of the file."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{name}.{child.name}"
            yield inner, child
            yield from _definitions(inner, child)
        else:
            yield from _definitions(name, child)
