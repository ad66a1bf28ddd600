"""The picture of head scores: well-formed, every head in its place, the best ones marked."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from recollect.training.head_map import head_map

SVG = "{http://www.w3.org/2000/svg}"


def drawn(scores: np.ndarray, best: list[tuple[int, int]], title: str = "heads") -> ElementTree.Element:
    return ElementTree.fromstring(head_map(scores, best, title=title))


def cells(picture: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {title.text or "": rect for rect in picture.iter(f"{SVG}rect") for title in rect.iter(f"{SVG}title")}


def test_every_head_has_a_cell_and_higher_layers_lie_above() -> None:
    scores = np.arange(12.0).reshape(3, 4)
    found = cells(drawn(scores, [(2, 3)]))
    assert len(found) == 12
    low, high = found["layer 0, head 1: 1"], found["layer 2, head 1: 9"]
    assert low.get("x") == high.get("x")
    assert float(low.get("y") or 0) > float(high.get("y") or 0)


def test_more_is_darker() -> None:
    found = cells(drawn(np.array([[0.0, 0.5, 1.0]]), [(0, 2)]))
    red = [int((rect.get("fill") or "")[1:3], 16) for rect in found.values()]
    assert red[0] > red[1] > red[2]


def test_the_best_heads_are_framed_and_numbered_in_order() -> None:
    scores = np.arange(12.0).reshape(3, 4)
    picture = drawn(scores, [(2, 3), (1, 0)])
    frames = [rect for rect in picture.iter(f"{SVG}rect") if rect.get("class") == "best"]
    cell = cells(picture)["layer 2, head 3: 11"]
    assert len(frames) == 2
    assert float(frames[0].get("x") or 0) == float(cell.get("x") or 0) + 1
    assert "framed: the 2 best heads" in "".join(text.text or "" for text in picture.iter(f"{SVG}text"))


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (36, 32), (80, 64)])
def test_any_shape_is_drawn_inside_the_picture(layers: int, heads: int) -> None:
    picture = drawn(np.full((layers, heads), 0.25), [(0, 0)])
    width, height = float(picture.get("width") or 0), float(picture.get("height") or 0)
    for rect in picture.iter(f"{SVG}rect"):
        assert float(rect.get("x") or 0) + float(rect.get("width") or 0) <= width
        assert float(rect.get("y") or 0) + float(rect.get("height") or 0) <= height


def test_a_title_may_hold_any_character() -> None:
    assert 'a<b> & "c" 红' in [text.text for text in drawn(np.eye(2), [(0, 0)], 'a<b> & "c" 红').iter(f"{SVG}text")]
