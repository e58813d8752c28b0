"""The import graph of the crate: which file uses which, its own tests aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_USE = re.compile(r"\buse ([^;]+);")
_PATH = re.compile(r"(?<![\w:])((?:crate|super|self)(?:::\w+)+)")


def production(file: Path) -> str:
    """The code of a file without comments and without its own tests."""
    code = re.split(r"#\[cfg\(test\)\]\nmod \w+ \{", file.read_text(encoding="utf-8"))[0]
    return "\n".join(line.split("//")[0] for line in code.splitlines())


def files_of_modules(source: Path) -> dict[str, Path]:
    """Each module by its path, `engine::counting::few`, with its file; the crate itself is ``""``."""
    files = [file for file in source.rglob("*.rs") if "tests" not in file.parts]
    return {_module_of(file.relative_to(source)): file for file in files}


def imports(source: Path) -> dict[str, set[str]]:
    """The modules that each module uses."""
    modules = files_of_modules(source)
    codes = {module: production(file) for module, file in modules.items()}
    return {
        module: {_owner(path, modules) for path in _paths(code, module, modules)} - {module}
        for module, code in codes.items()
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules that reach each other, each sorted."""
    reach = {module: _reachable(module, graph) for module in graph}
    together = {tuple(sorted(other for other in reach[module] if module in reach.get(other, ()))) for module in graph}
    return sorted(list(names) for names in together if len(names) > 1)


def _module_of(file: Path) -> str:
    parts = list(file.with_suffix("").parts)
    return "::".join(parts[:-1] if parts[-1] in ("mod", "lib") else parts)


def _paths(code: str, module: str, modules: dict[str, Path]) -> Iterator[str]:
    """The absolute paths that a module's code names."""
    for tree in _USE.findall(code):
        for path in _flat(re.sub(r"\s+", " ", tree)):
            first = path.split("::")[0].split(" ")[0]
            if first in ("crate", "super", "self"):
                yield _absolute(path, module)
            elif _joined(module, first) in modules:
                yield _joined(module, path)
    for path in _PATH.findall(_USE.sub("", code)):
        yield _absolute(path, module)


def _flat(tree: str) -> Iterator[str]:
    """`a::{b, c::{d}}` as `a::b` and `a::c::d`."""
    head, brace, body = tree.partition("{")
    if not brace:
        yield tree.strip()
        return
    depth, part = 0, ""
    for letter in body[: body.rindex("}")] + ",":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            if part.strip():
                yield from _flat(head.strip() + part.strip())
            part = ""
        else:
            part += letter


def _absolute(path: str, module: str) -> str:
    base, parts = module.split("::") if module else [], path.split("::")
    while parts and parts[0] in ("crate", "super", "self"):
        first = parts.pop(0)
        base = [] if first == "crate" else base[:-1] if first == "super" else base
    return "::".join([*base, *parts])


def _joined(module: str, path: str) -> str:
    return f"{module}::{path}" if module else path


def _owner(path: str, modules: dict[str, Path]) -> str:
    """The longest beginning of a path that is a module."""
    parts = path.split("::")
    beginnings = ("::".join(parts[:length]) for length in range(len(parts), -1, -1))
    return next(beginning for beginning in beginnings if beginning in modules)


def _reachable(module: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    wait = [module]
    while wait:
        for other in graph.get(wait.pop(), ()):
            if other not in seen:
                seen.add(other)
                wait.append(other)
    return seen
