"""Builds txpubsub; metadata that is plain data for tools is in pyproject.toml.

The compiled router is optional. ``PUBSUB_EXTENSIONS`` decides:

* ``maybe`` (the default): compiled if that works here, otherwise a pure-Python install;
* ``yes``: a failing compiler fails the build (release wheels, CI);
* ``no``: never compiled; the wheel is ``py3-none-any``.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
VERSION: str = runpy.run_path(str(HERE / "pubsub" / "_version.py"))["VERSION"]

WANTED = os.environ.get("PUBSUB_EXTENSIONS", "maybe")
if WANTED not in ("yes", "no", "maybe"):
    raise SystemExit(f"PUBSUB_EXTENSIONS is {WANTED!r}: it may be yes, no or maybe")

NATIVE = "pubsub/router/native"


def extensions() -> list[Extension]:
    """One extension module for each .pyx file; none if they are not wanted."""
    if WANTED == "no":
        return []
    os.chdir(HERE)
    declarations = [str(p) for pattern in ("*.pxd", "*.h") for p in Path(NATIVE).glob(pattern)]
    return [
        Extension(
            ".".join(source.with_suffix("").parts),
            [source.as_posix()],
            include_dirs=[NATIVE],
            depends=sorted(declarations),
        )
        for source in sorted(Path(NATIVE).glob("*.pyx"))
    ]


class BuildExtensions(build_ext):
    """Runs Cython only when something is compiled, and keeps its C out of the tree.

    C beside its source would be packed into the wheel.
    """

    def finalize_options(self) -> None:
        if self.distribution.ext_modules:
            from Cython.Build import cythonize

            self.distribution.ext_modules = cythonize(
                self.distribution.ext_modules, build_dir="build/cython"
            )
            # cythonize makes new extensions, and forgets this about the old ones
            for extension in self.distribution.ext_modules:
                extension.optional = WANTED == "maybe"
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()


TLS = ["cryptography>=41", "pyOpenSSL>=23.2", "service-identity>=21.1", "idna>=2.5"]
# user lists: argon2 strings are rare, and their library is compiled
ARGON2 = ["argon2-cffi>=21.2"]
TEST = [
    *ARGON2,
    "pytest>=8",
    "pytest-twisted>=1.14",
    "hypothesis>=6.100",
    "nats-py>=2.7",
    # clients with keys, and a second opinion about ours
    "nkeys>=0.2",
    # the authenticator of examples/oidc_authenticator
    "treq>=23.11",
    # the hook of examples/schema_hook
    "jsonschema>=4.18",
    # the packaging tests build distributions
    "setuptools>=77",
    "Cython>=3.1",
    "wheel",
]
DOCS = ["sphinx>=7", "furo"]
# without it the pictures are drawn by hand
BENCH = ["matplotlib"]

setup(
    name="txpubsub",
    version=VERSION,
    description="A NATS server in Python on Twisted: extend it, embed it, test against it",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Framework :: Pytest",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Cython",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: Implementation :: CPython",
        "Programming Language :: Python :: Implementation :: PyPy",
        "Topic :: System :: Networking",
        "Typing :: Typed",
    ],
    keywords="nats messaging publish subscribe twisted broker",
    packages=[*find_packages(include=["pubsub", "pubsub.*"]), "twisted.plugins"],
    # Exactly this makes `pip install -e` write a plain .pth file, which is how twistd
    # finds twisted/plugins/pubsub_plugin.py in a checkout.
    package_dir={"": "."},
    package_data={"pubsub": ["py.typed"], "pubsub.router.native": ["*.pxd", "*.h", "*.pyi"]},
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildExtensions},
    # PyNaCl: NKeys, JWTs, trusted proxies and the keys of the server
    install_requires=[
        "twisted>=23.10",
        "zope.interface>=5.4",
        "bcrypt>=4.3",
        "PyNaCl>=1.5",
        *TLS,
    ],
    extras_require={
        "argon2": ARGON2,
        "test": TEST,
        "bench": BENCH,
        "docs": DOCS,
        "dev": [
            *TEST,
            *DOCS,
            "tox>=4",
            "ruff",
            "mypy>=1.15",
            "mypy-zope>=1.0.11",
            "towncrier",
            "coverage>=7",
            "pre-commit",
        ],
    },
    entry_points={
        "console_scripts": [
            "pubsub-server = pubsub.main:main",
            "pubsub-passwd = pubsub.passwd:main",
        ],
        "pytest11": ["pubsub = pubsub.testing.plugin"],
    },
    zip_safe=False,
)
