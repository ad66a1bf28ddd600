"""The house stands as drawn: layers linked and packaged, imports point down, importing costs nothing."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BELOW: dict[str, frozenset[str]] = {
    "memory": frozenset(),
    "rerank": frozenset({"memory"}),
    "agent": frozenset({"memory", "rerank"}),
    "training": frozenset({"memory", "rerank", "agent"}),
    "evals": frozenset({"memory", "rerank", "agent"}),
    "tui": frozenset({"memory", "agent"}),
}
"""Which layers each layer may import; `recollect` may import them all."""

HEAVY = ("torch", "transformers", "sentence_transformers", "faiss", "textual", "openai", "sqlite_utils", "numpy")
SPEAKS_SQL = frozenset(
    f"memory/{name}.py"
    for name in ("store", "migrations", "database", "vector_log", "places", "rows", "lexical", "sessions", "chats")
)
SQL = re.compile(
    r"\b(?:select\s+.+\s+from|insert\s+(?:or\s+\w+\s+)?into|delete\s+from|update\s+\w+\s+set|create\s+(?:virtual\s+)?"
    r"(?:table|index|trigger)|pragma\s+\w+|begin\s+(?:immediate|exclusive))\b",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_MODULE = 300


def packaged() -> dict[str, Path]:
    """The packages of pyproject.toml and the folders they are made of."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    return {name: ROOT / tool["package-dir"].get(name, name.replace(".", "/")) for name in tool["packages"]}


def package_files() -> list[Path]:
    """Every module of the package, in its real folder."""
    folders = [ROOT / layer for layer in BELOW] + [ROOT / "recollect"]
    found = [path for folder in folders for path in folder.rglob("*.py") if "__pycache__" not in path.parts]
    # rglob does not follow links, on any version that does the layers would come twice
    return sorted({path.resolve() for path in found})


FILES = package_files()
MODULES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in FILES]


def module_name(path: Path) -> str:
    """`recollect.memory.store` for memory/store.py, `recollect.cli` for recollect/cli/__init__.py."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts if parts[0] == "recollect" else ["recollect", *parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute dotted name) of everything a module imports, wherever in it."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = parts[: len(parts) - node.level + 1] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{home}.{alias.name}") for alias in node.names)


# -- packaging -----------------------------------------------------------------------------------


def test_every_package_folder_is_listed_in_pyproject() -> None:
    listed = {folder.resolve() for folder in packaged().values()}
    forgotten = {str(path.parent.relative_to(ROOT)) for path in FILES if path.parent not in listed}
    assert forgotten == set()


def test_every_listed_package_is_there() -> None:
    missing = [name for name, folder in packaged().items() if not (folder / "__init__.py").is_file()]
    assert missing == []


@pytest.mark.parametrize("layer", BELOW)
def test_every_layer_is_linked_into_the_package(layer: str) -> None:
    link = ROOT / "recollect" / layer
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{layer}"
    assert (link / "__init__.py").is_file()


def test_every_data_file_of_the_package_is_shipped() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    shipped: set[Path] = set()
    for name, folder in packaged().items():
        for pattern in tool["package-data"].get(name, ()):
            found = set(folder.glob(pattern))
            assert found, f"{pattern} of {name} matches nothing"
            shipped |= {path.resolve() for path in found}
    folders = {path.parent for path in FILES} | {ROOT / "recollect" / "samples"}
    data = {
        path.resolve()
        for folder in folders
        for path in folder.iterdir()
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md")
    }
    assert data - shipped == set()


def test_tracked_files_of_the_layers_hold_no_stray_package() -> None:
    known = {*BELOW, "recollect"}
    strangers = {
        path.parent.name
        for path in ROOT.glob("*/__init__.py")
        if path.parent.name not in known and path.parent.name not in ("tests", "benchmarks", "examples")
    }
    assert strangers == set()


# -- imports -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES)
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    if layer == "recollect":
        return
    allowed = {layer, *BELOW[layer]}
    for line, name in imported(path):
        home, _, rest = name.partition(".")
        if home == "recollect":
            assert rest.partition(".")[0] in allowed, f"{path.relative_to(ROOT)}:{line} imports {name}"


@pytest.mark.parametrize("path", MODULES)
def test_our_own_layers_are_imported_relatively(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] not in {*BELOW, "recollect"}, f"{path}:{node.lineno}: {name}"


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("tests/**/*.py"), *ROOT.glob("examples/**/*.py"), *ROOT.glob("benchmarks/*.py")])
)
def test_outside_the_package_nobody_imports_a_layer_by_its_bare_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & BELOW.keys()
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert (node.module or "").partition(".")[0] not in BELOW


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_recollect_loads_nothing_heavy() -> None:
    code = f"import sys, recollect; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(code) == "[]"


def test_importing_recollect_touches_no_file_and_sets_up_no_logging() -> None:
    code = (
        "import logging, sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(args[0]) if event == 'open' else None)\n"
        "import recollect\n"
        "print([p for p in opened if not str(p).endswith(('.py', '.pyc')) and '.pyc' not in str(p)])\n"
        "print(logging.getLogger().handlers, logging.getLogger('recollect').handlers)\n"
    )
    assert run(code) == "[]\n[] []"


def test_opening_a_memory_loads_neither_the_app_nor_a_client(tmp_path: Path) -> None:
    code = (
        "import sys, recollect\n"
        f"memory = recollect.open_memory({str(tmp_path / 'memory.db')!r}, user='alice')\n"
        "memory.add('Alice', 'hello')\n"
        "memory.recall('hello')\n"
        "print([n for n in ('textual', 'openai', 'transformers', 'sentence_transformers') if n in sys.modules])"
    )
    assert run(code) == "[]"


# -- habits --------------------------------------------------------------------------------------


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of the string literals of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", MODULES)
def test_sql_is_spoken_only_where_it_is_allowed(path: Path) -> None:
    if str(path.relative_to(ROOT)) in SPEAKS_SQL:
        return
    for line, text in strings(path):
        assert not SQL.search(text), f"{path.relative_to(ROOT)}:{line}: {text[:60]}"


def test_the_sql_test_can_fail() -> None:
    speaking = {str(path.relative_to(ROOT)) for path in FILES for _, text in strings(path) if SQL.search(text)}
    assert speaking == SPEAKS_SQL


@pytest.mark.parametrize("path", MODULES)
def test_only_the_command_line_prints(path: Path) -> None:
    if path.is_relative_to(ROOT / "recollect" / "cli"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{path.relative_to(ROOT)}:{node.lineno} prints"


@pytest.mark.parametrize("path", MODULES)
def test_a_module_says_what_it_is_for_and_stays_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), f"{path.relative_to(ROOT)} has no docstring"
    assert len(source.splitlines()) <= LONGEST_MODULE
