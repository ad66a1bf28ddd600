"""What `import recollect` offers: sorted, complete, resolvable, and nothing by accident."""

import importlib
import inspect

import pytest

import recollect
from recollect.memory import errors


def test_the_public_names_are_sorted_and_said_once() -> None:
    assert recollect.__all__ == sorted(set(recollect.__all__))


@pytest.mark.parametrize("name", recollect.__all__)
def test_every_public_name_resolves_to_something_documented(name: str) -> None:
    found = getattr(recollect, name)
    assert inspect.getdoc(found)
    assert getattr(recollect, name) is found


def test_the_lazy_table_and_the_public_names_are_the_same() -> None:
    assert sorted(recollect._HOMES) == recollect.__all__
    assert dir(recollect) == sorted([*recollect.__all__, "__version__"])


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_such"):
        getattr(recollect, "nothing_such")  # noqa: B009 - the point of the test


def test_the_version_is_that_of_the_project() -> None:
    tomllib = importlib.import_module("tomllib")
    from tests.test_layout import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project.get("version", recollect.__version__) == recollect.__version__


def raised() -> dict[str, type[Exception]]:
    return {name: found for name, found in vars(errors).items() if inspect.isclass(found)}


def test_every_error_of_ours_descends_from_one_root() -> None:
    assert all(issubclass(error, recollect.RecollectError) for error in raised().values())
    assert not issubclass(recollect.RecollectError, (ValueError, OSError, RuntimeError))


def test_the_tree_drawn_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[2:]:
        name = line.lstrip("│├└─ ").split(" ")[0]
        depth = (len(line) - len(line.lstrip("│├└─ "))) // 4
        path = [*path[:depth], name]
        drawn[name] = path[depth - 1] if depth else "Exception"
    assert drawn == {name: error.__base__.__name__ for name, error in raised().items() if error.__base__}
