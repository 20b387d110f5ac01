"""What is built from this tree is whole, holds nothing else, and needs no compiler."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import distribution
from pathlib import Path

import pytest

import pubsub
from pubsub._version import VERSION

ROOT = Path(__file__).parent.parent
#: what setup.py reads, and nothing that an earlier build has left behind
TREE = (
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "NEWS.rst",
    "CONTRIBUTING.md",
    "pyproject.toml",
    "setup.py",
    "tox.ini",
)


def _copy_tree(target: Path) -> Path:
    """The sources, as in a fresh clone: an old SOURCES.txt would hide what MANIFEST.in forgets."""
    target.mkdir()
    for name in TREE:
        shutil.copy(ROOT / name, target)
    left = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "dropin.cache", "*.c")
    shutil.copytree(ROOT / "pubsub", target / "pubsub", ignore=left)
    shutil.copytree(ROOT / "twisted", target / "twisted", ignore=left)
    return target


def _build(kind: str, tree: Path, extensions: str, **env: str) -> Path:
    """A distribution, built by this environment's setuptools."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={**os.environ, "PUBSUB_EXTENSIONS": extensions, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    return tree / "dist" / result.stdout.splitlines()[-1]


def _sources(*suffixes: str) -> set[str]:
    found = (ROOT / "pubsub").rglob("*")
    return {p.relative_to(ROOT).as_posix() for p in found if p.name.endswith(suffixes)}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in an sdist, its top directory left out."""
    tree = _copy_tree(tmp_path_factory.mktemp("sdist") / "tree")
    with tarfile.open(_build("sdist", tree, "maybe")) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[str]]:
    """The file name of a pure wheel, and the names in it."""
    path = _build("wheel", _copy_tree(tmp_path_factory.mktemp("wheel") / "tree"), "no")
    with zipfile.ZipFile(path) as archive:
        return path.name, set(archive.namelist())


def test_the_sdist_has_every_source(sdist: set[str]) -> None:
    """A .pxd that is left out makes the wheel built from the sdist an untyped, slow one."""
    assert _sources(".py", ".pyx", ".pxd", ".pyi", ".h") <= sdist
    assert {"twisted/plugins/pubsub_plugin.py", "pubsub/py.typed", "LICENSE"} <= sdist


def test_the_sdist_has_nothing_generated(sdist: set[str]) -> None:
    assert [name for name in sdist if name.endswith((".c", ".so", "dropin.cache", ".pyc"))] == []


def test_a_wheel_that_was_not_compiled_suits_every_python(wheel: tuple[str, set[str]]) -> None:
    name, files = wheel
    assert name == f"txpubsub-{VERSION}-py3-none-any.whl"
    assert _sources(".py", ".pxd", ".pyi", ".h") | {"pubsub/py.typed"} <= files
    assert "twisted/plugins/pubsub_plugin.py" in files


def test_a_wheel_takes_no_name_that_belongs_to_others(wheel: tuple[str, set[str]]) -> None:
    """No top-level auth or cluster, and no package where Twisted's namespace is."""
    tops = {name.partition("/")[0] for name in wheel[1]}
    assert tops == {"pubsub", "twisted", f"txpubsub-{VERSION}.dist-info"}
    assert [name for name in wheel[1] if name.startswith("twisted/")] == [
        "twisted/plugins/pubsub_plugin.py"
    ]


def _tiny(tmp_path: Path) -> Path:
    """This project with one small extension module in the place of its own."""
    tree = _copy_tree(tmp_path / "tree")
    native = tree / "pubsub" / "router" / "native"
    for path in [*native.glob("*.pyx"), *native.glob("*.pxd")]:
        path.unlink()
    (native / "tiny.pxd").write_text("cdef class Tiny:\n    cdef int x\n")
    (native / "tiny.pyx").write_text("cdef class Tiny:\n    pass\n")
    return tree


def _compiled(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert [name for name in names if name.endswith(".c")] == [], "generated C in the wheel"
    return [name for name in names if name.endswith(tuple(EXTENSION_SUFFIXES))]


# A program that fails like a compiler that is not there.
NO_COMPILER = {"CC": "false", "LDSHARED": "false"}


def test_without_a_compiler_the_install_is_a_pure_one(tmp_path: Path) -> None:
    assert _compiled(_build("wheel", _tiny(tmp_path), "maybe", **NO_COMPILER)) == []


def test_without_a_compiler_a_demanded_extension_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="tiny"):
        _build("wheel", _tiny(tmp_path), "yes", **NO_COMPILER)


def test_an_extension_that_is_not_wanted_is_not_compiled(tmp_path: Path) -> None:
    path = _build("wheel", _tiny(tmp_path), "no")
    assert path.name.endswith("py3-none-any.whl")
    assert _compiled(path) == []


def test_a_misspelt_wish_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="may be yes, no or maybe"):
        _build("sdist", _copy_tree(tmp_path / "tree"), "please")


def _compiled_here() -> list[str]:
    """The modules of the compiled router that belong to this interpreter."""
    folder = Path(inspect.getfile(pubsub)).parent / "router" / "native"
    suffix = EXTENSION_SUFFIXES[0]
    return sorted(path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}"))


def test_what_was_compiled_is_what_was_asked_for() -> None:
    """``tox`` says in PUBSUB_EXPECT what its environment is about."""
    expected = os.environ.get("PUBSUB_EXPECT")
    if expected == "native":
        assert _compiled_here() == sorted(p.stem for p in (ROOT / "pubsub").rglob("*.pyx"))
    elif expected == "python":
        assert _compiled_here() == []


def test_compiled_classes_are_typed() -> None:
    """An instance with a __dict__ comes from a class compiled without its declarations."""
    for name in _compiled_here():
        module = importlib.import_module(f"pubsub.router.native.{name}")
        for found in vars(module).values():
            if inspect.isclass(found) and found.__module__ == module.__name__:
                assert not hasattr(found, "__dict__") or "__dict__" not in vars(found), found


def test_the_installed_distribution_is_this_version() -> None:
    installed = distribution("txpubsub")
    assert installed.version == VERSION
    points = {(point.group, point.name): point for point in installed.entry_points}
    for script in ("pubsub-server", "pubsub-passwd"):
        assert callable(points["console_scripts", script].load())
    assert points["pytest11", "pubsub"].load().__name__ == "pubsub.testing.plugin"


#: import name to distribution, where they differ
_DISTRIBUTIONS = {
    "OpenSSL": "pyopenssl",
    "service_identity": "service-identity",
    "nacl": "pynacl",
    "argon2": "argon2-cffi",
}
#: what the server can do without, and says so when it is missing
_EXTRAS = {"argon2"}
#: pubsub.testing is for suites that have these already
_FROM_THE_USER = {"pytest", "pytest_twisted"}
_WITHOUT = {"pubsub"} | _EXTRAS | _FROM_THE_USER


def test_everything_imported_is_required() -> None:
    """A dependency of a dependency may be gone with its next release."""
    required = {
        re.split(r"[^\w.-]", text)[0].lower()
        for text in distribution("txpubsub").requires or ()
        if "extra ==" not in text
    }
    missing = set()
    for path in (ROOT / "pubsub").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            for top in {name.partition(".")[0] for name in names} - _WITHOUT:
                wanted = _DISTRIBUTIONS.get(top, "zope.interface" if top == "zope" else top)
                if top not in sys.stdlib_module_names and wanted.lower() not in required:
                    missing.add(f"{path.name} imports {top}")
    assert not missing


def test_twistd_finds_the_server_from_any_directory(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "twisted", "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert re.search(r"^\s+pubsub\s+A NATS server", result.stdout, re.MULTILINE)


def test_the_checks_run_the_readmes_test_command() -> None:
    """What CI runs is what a stranger is told to run."""
    commands = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2, "one to run the server, one to test it"
    assert commands[1] == (ROOT / ".ci" / "run").read_text().splitlines()[-1]
