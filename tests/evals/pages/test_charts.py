"""Charts put marks where the numbers are, and labels where they can be read."""

import re
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.evals.pages.budget_chart import budget_chart
from recollect.evals.pages.choices import units_of
from recollect.evals.pages.forest_chart import forest_charts
from recollect.evals.pages.labels import Box, place_beside, spread
from recollect.evals.pages.latency_chart import latency_chart
from recollect.evals.pages.looks import SHAPES, looks_for
from recollect.evals.pages.scales import fraction_bounds, fraction_ticks, log_bounds, log_ticks
from recollect.evals.pages.svg import Scale, clipped, element, mark
from recollect.evals.pages.words import milliseconds
from recollect.evals.summary import Difference, Figure, SystemSummary
from tests.evals.pages.samples import run_summary

PLACES = st.lists(st.floats(0, 400), min_size=1, max_size=15)


def systems() -> list[SystemSummary]:
    return units_of(run_summary())["turn"]


def at(system: SystemSummary, **values: float) -> SystemSummary:
    """The system with other recalls, in per cent by budget."""
    figures = {
        f"recall@{budget[1:]}": Figure(value=value / 100, low=value / 100, high=value / 100, n=9)
        for budget, value in values.items()
    }
    return replace(system, figures=figures)


# -- elements ------------------------------------------------------------------------------------


def test_text_and_attributes_are_escaped_and_children_are_not_twice() -> None:
    inner = element("text", "<b>&", class_='x" onload="y')
    assert element("g", inner) == '<g><text class="x&#34; onload=&#34;y">&lt;b&gt;&amp;</text></g>'


def test_attributes_that_are_nothing_are_left_out_and_coordinates_are_short() -> None:
    assert element("line", x1=1.26, x2=2.0, stroke_dasharray=None) == '<line x1="1.3" x2="2"/>'


@pytest.mark.parametrize("shape", SHAPES)
def test_every_mark_can_be_drawn(shape: str) -> None:
    look = next(look for look in looks_for(map(str, range(len(SHAPES)))).values() if look.shape == shape)
    assert ElementTree.fromstring(mark(10, 10, look)).tag in ("circle", "path")


def test_a_logarithmic_scale_puts_the_geometric_mean_in_the_middle() -> None:
    scale = Scale(low=1, high=100, start=0, end=200, is_log=True)
    assert scale(10) == pytest.approx(100)
    assert (scale(0.1), scale(1e9)) == (0, 200)


def test_long_words_end_in_an_ellipsis() -> None:
    assert (clipped("block", 5), clipped("block + events", 7)) == ("block", "block…")


# -- axes ----------------------------------------------------------------------------------------


def test_axes_begin_and_end_at_round_fractions() -> None:
    assert fraction_bounds([0.412, 0.88]) == (0.4, 0.9)
    assert fraction_bounds([0.5]) == (0.3, 0.5)
    assert fraction_bounds([0.0]) == (0.0, 0.2)
    assert fraction_bounds([1.0]) == (0.8, 1.0)
    assert fraction_ticks(0.4, 0.9) == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_times_have_ticks_at_round_numbers() -> None:
    assert log_bounds([3.0, 380.0]) == (2.0, 500.0)
    assert log_ticks(2.0, 500.0, most=9) == [2, 5, 10, 20, 50, 100, 200, 500]
    assert log_ticks(0.01, 5_000.0) == [0.01, 0.1, 1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (0.021, "0.02 ms"),
        (3.14, "3.1 ms"),
        (380.4, "380 ms"),
        (1495, "1.50 s"),
        (12_340, "12.3 s"),
        (1_234_567, "1,235 s"),
    ],
)
def test_times_are_written_short(taken: float, words: str) -> None:
    assert milliseconds(taken) == words


# -- labels --------------------------------------------------------------------------------------


@given(PLACES)
def test_labels_keep_their_distance_and_order_and_stay_inside(wanted: list[float]) -> None:
    placed = spread(wanted, gap=15, low=0, high=400)
    ordered = [place for _, place in sorted(zip(wanted, placed, strict=True))]
    assert all(later - earlier > 14.999 for earlier, later in pairwise(ordered))
    assert min(placed) >= -1e-6
    assert max(placed) <= 400 + 1e-6


def test_labels_with_room_stay_where_they_want_to_be() -> None:
    assert spread([300, 100, 200], gap=15, low=0, high=400) == [300, 100, 200]


def test_more_labels_than_fit_share_the_room() -> None:
    assert spread([5.0] * 5, gap=15, low=0, high=40) == [0, 10, 20, 30, 40]


def test_labels_beside_points_do_not_cover_each_other() -> None:
    points = [(100.0, 100.0), (104.0, 101.0), (100.0, 112.0)]
    bounds = Box(left=0, top=0, right=300, bottom=200)
    boxes = place_beside(points, [60, 60, 60], height=15, bounds=bounds)
    assert sum(a.overlap(b) for a in boxes for b in boxes if a is not b) == 0
    assert [box.outside(bounds) for box in boxes] == [0, 0, 0]


# -- looks ---------------------------------------------------------------------------------------


def test_no_two_systems_of_a_page_look_alike() -> None:
    looks = looks_for([f"system {number}" for number in range(40)])
    assert len({(one.colour, one.shape, one.dash) for one in looks.values()}) == 40


def test_references_are_grey_and_take_no_colour() -> None:
    looks = looks_for(["oracle", "none", "random", "block"])
    assert [one.colour for one in looks.values()] == ["ref", "s0", "ref", "s1"]


def palettes() -> list[dict[str, str]]:
    """Colours by name: those of light pages, and those of dark ones."""
    style = files("recollect.evals.pages").joinpath("page.css").read_text(encoding="utf-8")
    light, dark, _ = (
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", part)) for part in re.findall(r":root {[^}]*}", style)
    )
    return [light, {**light, **dark}]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, section 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_words_and_marks_have_contrast(palette: dict[str, str]) -> None:
    for paper in ("page", "paper", "tint"):
        for ink in ("ink", "soft", "accent"):
            assert contrast(palette[ink], palette[paper]) >= 4.5, (ink, paper)
    for colour in ("ref", *(f"s{number}" for number in range(8))):
        assert contrast(palette[colour], palette["paper"]) >= 3.0, colour


# -- charts --------------------------------------------------------------------------------------


def test_the_line_of_a_better_system_lies_above_at_every_budget() -> None:
    low, high = (at(one, b256=value, b854=value + 20) for one, value in zip(systems()[:2], (40, 60), strict=True))
    chart = budget_chart([low, high], looks_for([low.system, high.system]))
    assert chart is not None
    lines = re.findall(r'<path d="M([^"]*)" class="line"', chart.wide)
    ys = [[float(point.split(" ")[1]) for point in line.split("L")] for line in lines]
    assert all(worse > better for worse, better in zip(*ys, strict=True))


def test_references_that_would_squeeze_the_chart_are_named_instead() -> None:
    one, other, _, _, _ = systems()
    random = at(systems()[-1], b256=1, b854=2)
    chart = budget_chart(
        [at(one, b256=70, b854=80), at(other, b256=75, b854=85), random],
        looks_for([one.system, other.system, random.system]),
    )
    assert chart is not None
    assert random.system == "random"
    assert chart.systems == (one.system, other.system)
    assert "Lower than the chart reaches: random." in chart.note
    assert [row[0].text for row in chart.table.rows][-1] == "random"  # the table has it all the same


def test_one_budget_makes_no_line() -> None:
    assert budget_chart([at(systems()[0], b854=50)], looks_for([systems()[0].system])) is None


def test_systems_without_a_time_are_not_in_the_chart_of_times() -> None:
    untimed = [replace(one, latency={}) for one in systems()]
    looks = looks_for(one.system for one in systems())
    assert latency_chart(untimed, looks, "recall@854") is None
    assert latency_chart([*systems()[:2], untimed[2]], looks, "recall@854") is not None


def test_a_difference_that_may_be_chance_has_an_empty_mark() -> None:
    sure = Difference(metric="MRR", value=0.1, low=0.05, high=0.15, n=9, survives_holm=True)
    chance = Difference(metric="MRR", value=-0.01, low=-0.05, high=0.03, n=9)
    (chart,) = forest_charts({"a": [sure], "b": [chance]}, looks_for(["a", "b"]), ["MRR"], baseline="none")
    assert re.findall(r'class="mark (\w+)"', chart.wide) == ["holm", "open"]
    assert [row[1].text for row in chart.table.rows] == ["+10.0**", "−1.0"]
