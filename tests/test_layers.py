"""The laws of the tree: imports go down, files stay small, every module has its test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pubsub"

MAX_FILE_LINES = 600
MAX_BODY_LINES = 60

#: From the bottom up. A module may import its own package and what stands below it,
#: never a neighbour on the same level.
LAYERS = (
    ("_version", "closed", "quoting"),
    ("errors",),
    ("values",),
    ("router_interfaces",),
    ("interfaces",),
    ("plugins",),
    ("config", "wire"),
    ("router",),
    ("accounts",),
    ("auth",),
    ("client", "hooks"),
    ("cluster",),
    ("transport",),
    ("system", "monitor"),
    ("assembly",),
    ("server",),
    ("service",),
    ("tap", "main", "passwd", "testing"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

#: The only places that may have a reactor of their own; everybody else is given a clock.
REACTOR = (
    "pubsub/transport/",
    "pubsub/server.py",
    "pubsub/service.py",
    "pubsub/tap.py",
    "pubsub/main.py",
    # an in-process server runs on the reactor of the test that asked for it
    "pubsub/testing/inprocess.py",
)

#: Modules (or, with a slash at the end, packages) without mirrored tests, and what tests them.
TESTED_ELSEWHERE: dict[str, str] = {
    "pubsub/_version.py": "two constants; tests/test_packaging.py compares them with the metadata",
    "pubsub/router/python/": "both routers pass the one test-suite in tests/router/",
    "pubsub/router/native/": "both routers pass the one test-suite in tests/router/",
    "pubsub/config/table_accounts.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_authorization.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_cluster.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_gateway.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_leafnodes.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_core.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_operator.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_streams.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/config/table_tls.py": "rows; tests/config/test_table.py checks all of them",
    "pubsub/router_interfaces.py": "tests/test_interfaces.py looks at all contracts",
    "pubsub/values/": "tests/values/test_values.py looks at all of them",
    "pubsub/config/row.py": "the shape of a row; tests/config/test_table.py",
}

SOURCES = sorted(PACKAGE.rglob("*.py"))
#: what a ceiling on file size is about: hand-written source in any language
TEXTS = sorted(p for kind in ("*.py", "*.pyx", "*.pxd", "*.h", "*.c") for p in PACKAGE.rglob(kind))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _layer(module: str) -> str:
    """``pubsub.config.flags`` is in the layer ``config``."""
    return module.split(".")[1]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, inside functions too."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or "."
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_imports_go_down(path: Path) -> None:
    """A module imports only layers below its own; every layer has a place in LAYERS."""
    module = _module(path)
    if module == "pubsub":
        assert not [name for _, name in _imports(path) if name != "__future__"]
        return
    own = _layer(module)
    wrong = []
    for line, name in _imports(path):
        if not name.startswith("pubsub.") or name.startswith(f"pubsub.{own}"):
            continue
        other = _layer(name)
        if RANK[other] >= RANK[own]:
            wrong.append(f"{_name(path)}:{line} {own} imports {name}")
    assert not wrong


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.px[dy]")), ids=_name)
def test_compiled_modules_import_down_too(path: Path) -> None:
    own = _layer(_module(path))
    found = re.findall(r"^\s*(?:from|c?import)\s+pubsub\.(\w+)", path.read_text(), re.MULTILINE)
    assert [name for name in found if name != own and RANK[name] >= RANK[own]] == []


def test_no_relative_imports() -> None:
    """A dotted name says in which layer a module is; dots do not."""
    wrong = [
        f"{_name(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not wrong


def test_only_the_transport_and_the_root_touch_the_reactor() -> None:
    wrong = [
        f"{_name(path)}:{line} imports {name}"
        for path in SOURCES
        if not _name(path).startswith(REACTOR)
        for line, name in _imports(path)
        if name == "twisted.internet.reactor"
    ]
    assert not wrong


def test_the_top_level_links_are_never_imported() -> None:
    """``auth`` and ``cluster`` are names of our users' own modules."""
    wrong = [
        f"{_name(path)}:{line} imports {name}"
        for folder in ("pubsub", "tests", "bench", "examples", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in _imports(path)
        if name.partition(".")[0] in ("auth", "cluster")
    ]
    assert not wrong


def test_the_top_level_links_lead_into_the_package() -> None:
    for name in ("auth", "cluster"):
        link = ROOT / name
        assert link.is_symlink()
        assert link.resolve() == PACKAGE / name


def test_files_stay_small() -> None:
    sizes = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in TEXTS}
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_function_bodies_stay_small() -> None:
    """Lines of a body, docstring left out."""
    long = {}
    for path in SOURCES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                size = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if size > MAX_BODY_LINES:
                    long[f"{_name(path)}:{node.lineno} {node.name}"] = size
    assert long == {}


def test_packages_hold_a_docstring_and_all_and_nothing_else() -> None:
    wrong = []
    for path in SOURCES:
        if path.name == "__init__.py":
            tree = _tree(path)
            assert ast.get_docstring(tree), _name(path)
            wrong += [
                f"{_name(path)}:{node.lineno}"
                for node in tree.body[1:]
                if not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
            ]
    assert not wrong


def test_every_module_has_its_test_file() -> None:
    """``pubsub/config/lexer.py`` is tested by ``tests/config/test_lexer.py``."""
    missing = []
    for path in SOURCES:
        relative = path.relative_to(PACKAGE)
        mirror = ROOT / "tests" / relative.with_name(f"test_{relative.stem.lstrip('_')}.py")
        places = {_name(path), f"{_name(path.parent)}/"}
        exempt = path.name == "__init__.py" or places & TESTED_ELSEWHERE.keys()
        if not exempt and not mirror.exists():
            missing.append(f"{_name(path)} has no {_name(mirror)}")
    assert not missing


def test_exemptions_are_needed() -> None:
    for name in TESTED_ELSEWHERE:
        assert (ROOT / name).exists(), f"{name} is gone: remove its exemption"


def test_no_package_in_the_namespaces_twisted_searches_for_plugins() -> None:
    """An ``__init__.py`` there would hide every other distribution's plugins."""
    assert [*(ROOT / "twisted").rglob("__init__.py")] == []
