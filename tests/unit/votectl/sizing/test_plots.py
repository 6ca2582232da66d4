from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from votectl import drawing
from votectl.settings.deployment import Api, Door
from votectl.settings.files import BadFile
from votectl.sizing import plots
from votectl.sizing.course import Keeping
from votectl.sizing.evidence import PlayedExperiments
from votectl.sizing.scenario import EventScenario
from votectl.sizing.simulate import simulate

pytestmark = pytest.mark.slow

LARGEST = 200_000  # bytes: they live in the repository


def test_pictures_of_the_experiments_are_small(sample_runs: PlayedExperiments, tmp_path: Path) -> None:
    for name, picture in plots.published(sample_runs, doubled_writes=True).items():
        path = tmp_path / "made" / f"{name}.png"
        drawing.save(picture, path)
        assert 5_000 < path.stat().st_size < LARGEST
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_course_is_drawn_as_png_and_svg(scenario: Callable[..., EventScenario], tmp_path: Path) -> None:
    played = scenario()
    picture = plots.course(simulate(played, 1, 0.5), played, Keeping(), "a minute")
    for suffix in drawing.FORMATS:
        path = tmp_path / f"course{suffix}"
        drawing.save(picture, path)
        assert 5_000 < path.stat().st_size < LARGEST


def test_the_same_course_is_the_same_file(sample_runs: PlayedExperiments, tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    for path in (one, two):
        drawing.save(plots.published(sample_runs, doubled_writes=False)["windows"], path)
    assert one.read_bytes() == two.read_bytes()


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"must end in \.png or \.svg"):
        drawing.check_format(tmp_path / "plot.pdf")


def test_the_cost_panel_is_that_of_the_door(scenario: Callable[..., EventScenario]) -> None:
    drawn = {}
    for door in Door:
        played = scenario(deployment={"api": Api(vote_door=door)})
        picture = plots.course(simulate(played, 1, 0.5), played, Keeping(), "a minute", beforehand=1.0)
        (line,) = picture.axes[-1].get_lines()
        assert line.get_label() == f"cost so far, door {door}"
        drawn[door] = float(np.asarray(line.get_ydata())[-1])
    assert 1.0 < drawn[Door.URL] < drawn[Door.HTTP] < drawn[Door.REST]
