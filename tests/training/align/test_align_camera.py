"""From a bag to the file, the pictures and what a person reads."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from act_core import topics
from act_core.camera_alignment import read_alignment
from act_core.errors import ConfigurationError
from act_sim.calibration_board import COLUMNS, ROWS, Board
from act_sim.simulation import Simulation
from act_sim.tasks.look_around import LOOKING_S
from act_sim.tasks.look_around.expert import SHOWING_S, SHOWN, VIEWS
from act_training.align.bag_views import read_views
from act_training.align.cli import AlignOptions, align
from PIL import Image

from tests.act_record import bags

HZ = 10
CAMERAS = ("front", "wrist")
SEED = 5


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """A simulated person shows the board, lays it down, and looks at it from many sides."""
    sim = Simulation("look_around", control_hz=HZ)
    sim.reset(SEED)
    expert = sim.task.make_expert(sim)
    shown_s = SHOWING_S / SHOWN
    looked_s = (LOOKING_S - SHOWING_S) / VIEWS
    # Twice while the board is held, once at the end of each look.
    shown = {round(HZ * (k * shown_s + after)) for k in range(SHOWN) for after in (0.7, 1.2)}
    looked = {round(HZ * (SHOWING_S + (k + 1) * looked_s)) - 1 for k in range(VIEWS)}
    messages = []
    for period in range(round(LOOKING_S * HZ)):
        at = bags.T0 + round(period * 1e9 / HZ)
        messages.append(bags.joints(topics.JOINT_STATES, at, sim.joint_position))
        cameras = CAMERAS if period in looked else ("front",) if period in shown else ()
        messages += [bags.image(name, at, sim.render(name, 480, 640)) for name in cameras]
        sim.step(expert.act())
    sim.close()
    path = tmp_path_factory.mktemp("align") / "bag"
    bags.write_bag(path, messages)
    return path


@pytest.fixture(scope="module")
def aligned(bag, tmp_path_factory):
    out = tmp_path_factory.mktemp("aligned") / "cameras.yaml"
    align(AlignOptions(bag=bag, out=out))
    return out


def test_the_cameras_are_where_the_simulation_has_them(aligned):
    cameras = read_alignment(aligned)
    sim = Simulation("reach")
    for name in CAMERAS:
        number = sim.model.camera(name).id
        assert cameras[name].position_m == pytest.approx(sim.model.cam_pos[number], abs=0.005)
        assert cameras[name].fovy_deg == pytest.approx(sim.model.cam_fovy[number], abs=1.0)
    placed = Simulation("reach", camera_alignment=aligned)
    for name in CAMERAS:
        number = sim.model.camera(name).id
        alike = abs(placed.model.cam_quat[number] @ sim.model.cam_quat[number])
        assert np.degrees(2.0 * np.arccos(min(1.0, alike))) < 0.7


def test_pictures_with_the_arm_drawn_over_them(aligned):
    for name in CAMERAS:
        picture = Image.open(aligned.with_name("cameras_report") / f"{name}.png")
        assert picture.size == (640, 480)
        green = (np.asarray(picture) == (0, 255, 90)).all(axis=2)
        assert green.sum() > 300


def test_the_file_says_how_sure_it_is(aligned):
    content = yaml.safe_load(aligned.read_text())
    for name in CAMERAS:
        assert 0.0 < max(content["within_95"][name]["position_m"]) < 0.03
    assert max(abs(v) for v in content["zero_offsets_rad"].values()) < np.radians(0.3)
    assert "bag" in content["bag"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cameras": ("frnt",)}, "unknown camera in bag 'frnt'; did you mean 'front'"),
        ({"namespace": "left"}, "has no /left/joint_states; topics: /camera/front/image_raw"),
        ({"board_on": "head"}, "--board-on head: expected table or gripper"),
        ({"square_mm": 0.042}, "a square of the board is 4.2e-05 m"),
        ({"bag": None}, "name the bag"),
    ],
)
def test_what_cannot_be_is_refused(bag, tmp_path, options, text):
    with pytest.raises(ConfigurationError, match=text):
        align(AlignOptions(**{"bag": bag, "out": tmp_path / "out.yaml", **options}))
    assert not (tmp_path / "out.yaml").exists()


def test_a_bag_without_the_board(tmp_path):
    picture = bags.picture(0, 120, 160)
    messages = []
    for period in range(30):
        at = bags.T0 + period * 100 * bags.MS
        messages.append(bags.joints(topics.JOINT_STATES, at, np.zeros(6)))
        messages.append(bags.image("front", at, picture))
    bags.write_bag(tmp_path / "bag", messages)
    with pytest.raises(ConfigurationError, match="front: the board is in none of the 30 pictures"):
        read_views(tmp_path / "bag", Board())


def test_pictures_by_another_clock(tmp_path):
    messages = [bags.joints(topics.JOINT_STATES, bags.T0 + k * bags.MS, np.zeros(6))
                for k in range(5)]  # fmt: skip
    messages.append(bags.image("front", 5_000_000_000, bags.picture(0), bags.T0 + 9 * bags.MS))
    bags.write_bag(tmp_path / "bag", messages)
    with pytest.raises(ConfigurationError, match="stamps from two clocks: none of camera front"):
        read_views(tmp_path / "bag", Board())


def test_the_printed_board_has_its_size(tmp_path):
    align(AlignOptions(print=tmp_path / "board.pdf"))
    content = (tmp_path / "board.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    box = content.split(b"/MediaBox [", 1)[1].split(b"]", 1)[0].split()
    width_mm, height_mm = (float(value) / 72.0 * 25.4 for value in box[2:])
    assert (width_mm, height_mm) == pytest.approx((210.0, 297.0), abs=0.1)
    with pytest.raises(ConfigurationError, match="does not fit on A4"):
        align(AlignOptions(print=tmp_path / "large.pdf", square_mm=60.0))
    with pytest.raises(ConfigurationError, match=r"expected a name that ends in \.pdf"):
        align(AlignOptions(print=tmp_path / "board.png"))


@pytest.mark.parametrize("pixels", [12, 40])
def test_the_board_is_found_in_its_picture(pixels):
    picture = Board().draw(pixels)
    page = np.full((picture.shape[0] + 80, picture.shape[1] + 80), 255, np.uint8)
    page[40:-40, 40:-40] = picture
    found = Board().find(np.repeat(page[..., None], 3, axis=2))
    assert found is not None
    assert len(found.ids) == (COLUMNS - 1) * (ROWS - 1)
    first = (40 + pixels - 0.5, 40 + pixels - 0.5)  # between two pixels
    assert found.pixels[0] == pytest.approx(first, abs=0.3)
    assert Board().find(np.full((100, 100, 3), 200, np.uint8)) is None
