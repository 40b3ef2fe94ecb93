"""Level 3, a stranger's room: what is drawn, and what of it reaches model and picture."""

from __future__ import annotations

import colorsys
import json
import math

import cv2
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_sim import room, textures
from act_sim.camera_effects import ImageEffects, Processing, add_effects
from act_sim.colours import is_apart, light_colour
from act_sim.environment import So101Env
from act_sim.expert_success import run_episode
from act_sim.objects import BOWL, CUBE
from act_sim.randomization import LEVELS
from act_sim.room_draws import RoomRanges
from act_sim.scene import PHYSICS_HZ
from act_sim.simulation import START_JITTER_RAD, START_POSE_RAD, Simulation

RANGES = RoomRanges()
SEEDS = range(40)
PAN, UP = np.eye(6)[0], np.eye(3)[2]


@pytest.fixture(scope="module")
def sim() -> Simulation:
    return Simulation("pick_place", level=3)


@pytest.fixture(scope="module")
def records(sim) -> list[dict]:
    return [sim.reset(seed) for seed in SEEDS]


def test_everything_drawn_is_in_the_record_which_starts_the_episode_again(sim):
    record = sim.reset(5)
    picture = sim.render("front", 96, 128)
    again = json.loads(json.dumps(record))
    assert again == record
    sim.reset(6)
    assert not np.array_equal(sim.render("front", 96, 128), picture)
    sim.replay(again)
    assert np.array_equal(sim.render("front", 96, 128), picture)
    twin = Simulation("pick_place", level=3)
    twin.replay(again)
    assert np.array_equal(twin.render("front", 96, 128), picture)


def test_another_simulation_draws_the_same_picture_of_a_state(sim):
    """As the sim node does: physics in one thread, pictures in another."""
    eye = Simulation("pick_place", level=3)
    record = sim.reset(8)
    for k in range(8):
        sim.step(np.array(record["arm_start_rad"]) + 0.06 * k * PAN)
    for camera in ("wrist", "front"):
        eye.restore(sim.save())
        assert np.array_equal(eye.render(camera, 48, 64), sim.render(camera, 48, 64))


@pytest.mark.parametrize("rows", [96, 480])
def test_textures_are_those_of_the_episode_whatever_was_drawn_before(sim, rows):
    """Small and large pictures have graphics of their own."""
    pictures = {}
    for seed in (5, 6, 7):
        sim.reset(seed)
        pictures[seed] = sim.render("front", rows, rows * 4 // 3)
    for seed in (6, 5):
        sim.reset(seed)
        sim.render("front", 96, 128)
        assert np.array_equal(sim.render("front", rows, rows * 4 // 3), pictures[seed])


def test_small_pictures_show_what_large_ones_show(sim):
    """They are drawn from coarser meshes and shadows; moved by two pixels they differ more."""
    for camera in ("front", "wrist"):
        sim.reset(1, level=0)
        large, small = (
            cv2.resize(picture, (128, 96), interpolation=cv2.INTER_AREA)
            for picture in (sim.render(camera, 480, 640), sim.render(camera, 192, 256))
        )
        off = np.abs(large.astype(int) - small).mean()
        moved = np.abs(large.astype(int) - np.roll(large, 2, axis=1)).mean()
        assert off < 0.4 * moved


def test_a_small_picture_has_the_noise_of_a_large_one_made_small():
    effects = ImageEffects(8.0, 0.0, NEUTRAL._replace(jpeg_quality=40))
    spread = []
    for rows in (480, 192):
        grey = np.full((rows, rows * 4 // 3, 3), 100, np.uint8)
        noisy = add_effects(grey, effects.shrunk(rows), np.random.default_rng(0))
        spread.append(cv2.resize(noisy, (128, 96), interpolation=cv2.INTER_AREA).std())
    assert spread[1] == pytest.approx(spread[0], rel=0.5)
    assert effects.shrunk(480) == effects.shrunk(1080) == effects


def test_draws_stay_inside_their_ranges_and_fill_them(records):
    def spans(values, low, high):
        values = np.array(values)
        assert low <= values.min()
        assert values.max() <= high
        assert values.max() - values.min() > 0.6 * (high - low)

    drawn = [record["randomization"] for record in records]
    spans([len(d["room"]["lights"]) for d in drawn], 1, 3)
    spans([len(d["room"]["things"]) for d in drawn], 0, 4)
    spans([d["bowl_size"] for d in drawn], *RANGES.bowl_size)
    spans([d["supply"] for d in drawn], *RANGES.supply)
    spans([d["base_height_m"] for d in drawn], -0.01, 0.01)
    offset = math.radians(2.0)
    spans([d["joint_offset_rad"] for d in drawn], -offset, offset)
    spans([d["backlash_rad"] for d in drawn], 0.0, math.radians(1.3))
    for name in ("servo_gain", "servo_damping", "servo_friction"):
        spans([d[name] for d in drawn], 0.7, 1.3)
    spans([d["command_delay_steps"] for d in drawn], 0, 0.060 * PHYSICS_HZ)
    spans([d["camera_delay_steps"] for d in drawn], 0, 0.100 * PHYSICS_HZ)
    for name, shift_m, turn_deg in (("front", 0.03, 6.0), ("wrist", 0.005, 4.0)):
        cameras = [d["cameras"][name] for d in drawn]
        spans([np.linalg.norm(c["shift_m"]) for c in cameras], 0.0, shift_m)
        spans([np.linalg.norm(c["turn_rad"]) for c in cameras], 0.0, math.radians(turn_deg))
        spans([c["fovy_deg"] for c in cameras], -5.0, 5.0)
    spans([d["processing"]["jpeg_quality"] for d in drawn], *RANGES.jpeg_quality)
    assert {d["room"]["table"]["kind"] for d in drawn} >= {"wood", "cloth", "stripes", "print"}


def test_no_thing_has_the_tasks_colour_or_lies_on_its_objects(records):
    seen = 0
    for record in records:
        objects = record["objects"]
        for thing in record["randomization"]["room"]["things"]:
            seen += 1
            radius = room.THINGS[thing["kind"]].radius_m
            for key in ("cube", "bowl"):
                assert np.hypot(*np.subtract(thing["at_m"], objects[key])) > radius + 0.07
            for rgb in thing["rgbs"]:
                hue, saturation, _ = colorsys.rgb_to_hsv(*rgb)
                assert saturation < 0.25 or 30 < 360 * hue < 330
        hue, saturation, _ = colorsys.rgb_to_hsv(*record["randomization"]["cube_rgb"])
        assert min(360 * hue, 360 - 360 * hue) <= 9.01
        assert saturation > 0.7
    assert seen > len(SEEDS)


def test_the_way_between_objects_that_are_chosen_is_kept_clear(sim):
    for seed in range(10):
        record = sim.reset(seed, objects={"cube": (0.3, -0.1), "bowl": (0.2, 0.1)})
        for thing in record["randomization"]["room"]["things"]:
            assert np.hypot(*np.subtract(thing["at_m"], (0.3, -0.1))) > 0.075


def test_things_are_seen_and_touch_nothing(sim, records):
    seed = next(s for s in SEEDS if records[s]["randomization"]["room"]["things"])
    things = sim.reset(seed)["randomization"]["room"]["things"]
    for thing in things:
        name = room.thing_name(thing["kind"])
        assert sim.position(name)[:2] == pytest.approx(thing["at_m"])
        body = sim.model.body(name)
        geoms = range(body.geomadr[0], body.geomadr[0] + body.geomnum[0])
        assert all(sim.model.geom_rgba[i, 3] == 1.0 for i in geoms)
        assert all(sim.model.geom_contype[i] == sim.model.geom_conaffinity[i] == 0 for i in geoms)
    shown = {room.thing_name(thing["kind"]) for thing in things}
    for kind in room.THINGS:
        if room.thing_name(kind) not in shown:
            first = sim.model.body(room.thing_name(kind)).geomadr[0]
            assert sim.model.geom_rgba[first, 3] == 0.0


def test_joints_are_reported_and_commanded_with_their_zero_offset(sim):
    record = sim.reset(2)
    offset = np.array(record["randomization"]["joint_offset_rad"])
    assert sim.data.qpos[:6] == pytest.approx(sim.joint_position + offset)
    target = np.array(record["arm_start_rad"])
    for _ in range(20):
        sim.step(target)
    half_backlash = 0.5 * np.array(record["randomization"]["backlash_rad"])
    assert (np.abs(sim.command - target) <= half_backlash + 1e-9).all()
    assert sim.data.ctrl[:6] == pytest.approx(sim.command + offset)


def test_small_changes_are_lost_in_the_backlash(sim):
    record = sim.reset(2)
    drawn = record["randomization"] | {"backlash_rad": [0.02] * 6, "command_delay_steps": 0}
    sim.replay(record | {"randomization": drawn})
    target = np.array(record["arm_start_rad"])
    steps = []
    for change in (0.0, 0.005, 0.015, 0.030, 0.020, 0.005):
        sim.step(target + change * PAN)
        steps.append(sim.command[0] - target[0])
    # The play is 0.01 to either side: what follows is dragged by its nearer edge.
    assert steps == pytest.approx([0.0, 0.0, 0.005, 0.020, 0.020, 0.015], abs=1e-9)


def test_weak_supply_weakens_gain_and_torque(sim):
    record = sim.reset(0)
    drawn = record["randomization"] | {"supply": 0.8, "servo_gain": [1.0] * 6}
    sim.replay(record | {"randomization": drawn})
    assert sim.model.actuator_gainprm[:6, 0] == pytest.approx(0.8 * 8.9)
    assert sim.model.actuator_biasprm[:6, 1] == pytest.approx(-0.8 * 8.9)
    assert sim.model.actuator_forcerange[:6, 1] == pytest.approx(0.8 * 3.35)


def test_the_base_stands_higher_and_positions_stay_those_of_the_table(sim):
    record = sim.reset(0)
    for height in (-0.01, 0.01):
        drawn = record["randomization"] | {"base_height_m": height}
        sim.replay(record | {"randomization": drawn})
        assert sim.base_height_m == pytest.approx(height)
        assert sim.position("base")[2] == pytest.approx(height)
        assert sim.position(CUBE)[2] == pytest.approx(sim.half_size(CUBE), abs=1e-3)


def test_a_larger_bowl_is_larger_all_around_and_success_goes_by_it(sim):
    record = sim.reset(3)
    radii = {}
    for size in (0.9, 1.2):
        sim.replay(record | {"randomization": record["randomization"] | {"bowl_size": size}})
        body = sim.model.body(BOWL)
        first, count = body.geomadr[0], body.geomnum[0]
        radii[size] = np.linalg.norm(sim.model.geom_pos[first : first + count, :2], axis=1).max()
        sim.put(CUBE, sim.position(BOWL) + 0.05 * UP)
        for _ in range(60):
            report = sim.step(np.array(record["arm_start_rad"]))
        assert report.success, report
    assert radii[1.2] / radii[0.9] == pytest.approx(1.2 / 0.9, rel=1e-6)


def test_levels_0_to_2_are_the_same_episodes_in_both_looks():
    """Physics, start and draws; only pictures differ."""
    for level in (0, 2):
        ends = []
        for look in ("plain", "room"):
            sim = Simulation("pick_place", level=level, look=look)
            record = sim.reset(4)
            for _ in range(10):
                sim.step(np.array(record["arm_start_rad"]) + 0.1)
            ends.append((record, sim.joint_position.tolist(), sim.position(CUBE).tolist()))
        (one, *first), (other, *second) = ends
        assert first == second
        assert {**one, "randomization": 0} == {**other, "randomization": 0}
        assert one["randomization"] == other["randomization"]


def test_going_back_to_level_0_leaves_nothing_behind(sim):
    fresh = Simulation("pick_place", look="room")
    fresh.reset(1)
    sim.reset(9)
    sim.render("front", 48, 64)
    sim.reset(1, level=0)
    assert np.array_equal(sim.render("front", 48, 64), fresh.render("front", 48, 64))
    for name in ("geom_rgba", "geom_size", "geom_pos", "body_pos", "light_active", "mat_texrepeat"):
        assert np.array_equal(getattr(sim.model, name), getattr(fresh.model, name)), name
    for command in np.linspace(0, 0.1, 5):
        target = START_POSE_RAD + command
        assert sim.step(target) == fresh.step(target)
        assert np.array_equal(sim.joint_position, fresh.joint_position)


def test_level_3_needs_the_room():
    assert Simulation("reach", level=3).look == "room"
    assert Simulation("reach", level=2).look == "plain"
    plain = Simulation("reach")
    with pytest.raises(ConfigurationError, match="make the simulation with look='room'"):
        plain.reset(0, level=3)
    with pytest.raises(ConfigurationError, match="look='room'"):
        Simulation("reach", level=3, look="plain")
    with pytest.raises(ConfigurationError, match="unknown look 'rom'; did you mean 'room'"):
        Simulation("reach", look="rom")


@pytest.mark.parametrize("task", ["pick_place", "lift_cube", "reach"])
def test_experts_succeed(task):
    """Of 200 starts see docs/results.md (python -m act_sim.expert_success --level 3)."""
    sim = Simulation(task, level=3)
    reports = [run_episode(sim, seed) for seed in range(3)]
    assert [report.reason for report in reports] == ["success"] * 3


def test_both_arms_get_a_room():
    sim = Simulation("pick_place", arms=2, level=3)
    record = sim.reset(1)
    assert len(record["randomization"]["joint_offset_rad"]) == 12
    assert sim.render("front", 48, 64).std() > 5
    assert run_episode(sim, 1).success


def test_the_front_camera_sees_the_whole_arm():
    """Every part, in poses as the tasks have them: its middle is inside the picture."""
    sim = Simulation("pick_place", look="room")
    rng = np.random.default_rng(0)
    bodies = ["shoulder", "upper_arm", "lower_arm", "wrist", "gripper", "moving_jaw_so101_v1"]
    for seed in range(10):
        sim.reset(seed)
        for _ in range(10):
            sim.step(START_POSE_RAD + rng.uniform(-2, 2, 6) * START_JITTER_RAD)
        camera = sim.data.camera("front")
        rotation = camera.xmat.reshape(3, 3)
        up = math.tan(math.radians(22.5))
        for body in bodies:
            x, y, z = rotation.T @ (sim.data.body(body).xpos - camera.xpos)
            assert abs(y / -z) < up
            assert abs(x / -z) < up * 640 / 480


def test_something_casts_a_shadow():
    """On the table, beside the cube, the picture is darker than the same one without shadows."""
    sim = Simulation("reach", look="room")
    lit = sim.render("front", 96, 128).astype(int)
    sim._renderer._scene.flags[0] = 0
    darker = (sim.render("front", 96, 128).astype(int) - lit).max(axis=2)
    assert 0.01 < (darker > 15).mean() < 0.3


@pytest.mark.parametrize("kind", textures.KINDS)
def test_textures_repeat_without_a_seam(kind):
    recipe = {"kind": kind, "seed": 3, "colours": [[0.8, 0.6, 0.4], [0.2, 0.1, 0.1]], "size_m": 1}
    picture = textures.draw_texture(recipe, 256).astype(float)
    assert np.array_equal(picture, textures.draw_texture(recipe, 256))
    assert picture.std() > 0.5
    for axis in (0, 1):
        inside = np.abs(np.diff(picture, axis=axis)).mean(axis=(1 - axis, 2))
        seam = np.abs(np.take(picture, 0, axis) - np.take(picture, -1, axis)).mean()
        assert seam <= 1.5 * inside.max() + 3.0


def test_an_unknown_texture_is_refused():
    with pytest.raises(ConfigurationError, match="unknown texture 'wod'; did you mean 'wood'"):
        textures.draw_texture({"kind": "wod", "seed": 0, "colours": [[0] * 3] * 2}, 16)


def test_worn_edges_show_bare_wood_at_the_edges_only():
    rgb = np.array([0.8, 0.1, 0.1])
    new, worn = (textures.draw_worn_faces(rgb, wear, 0, 64).astype(float) for wear in (0.0, 1.0))
    assert np.abs(new / 255 - rgb).max() < 0.01
    face = np.abs(worn[:64] / 255 - rgb).max(axis=2)
    assert face[0].mean() > 2 * face[20:44, 20:44].mean()


NEUTRAL = Processing([1.0, 1.0, 1.0], 1.0, 0.0, 100, 0.0)
GREY = np.full((120, 160, 3), 100, dtype=np.uint8)


def processed(image=GREY, flow=(0.0, 0.0), **changes):
    effects = ImageEffects(0.0, 0.0, NEUTRAL._replace(**changes))
    return add_effects(image, effects, np.random.default_rng(0), flow).astype(int)


def test_a_neutral_camera_changes_nothing_to_speak_of():
    assert np.abs(processed() - 100).max() <= 1


def test_gain_gamma_and_vignette_do_as_they_say():
    assert processed(gain=[1.5, 1.0, 0.5])[60, 80] == pytest.approx([150, 100, 50], abs=3)
    assert processed(gamma=2.0)[60, 80, 0] == pytest.approx(255 * (100 / 255) ** 2, abs=2)
    dark = processed(vignette=0.4)
    assert dark[60, 80, 0] == pytest.approx(100, abs=2)
    assert dark[0, 0, 0] == pytest.approx(60, abs=2)


def test_jpeg_and_red_stays_red():
    red = np.zeros((48, 64, 3), dtype=np.uint8)
    red[..., 0] = 200
    assert processed(red, jpeg_quality=30)[24, 32] == pytest.approx([200, 0, 0], abs=8)
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 1)).astype(np.uint8)
    noise = np.repeat(noise, 3, axis=2)  # of brightness: colours are halved at any quality
    fine, coarse = (np.abs(processed(noise, jpeg_quality=q) - noise).mean() for q in (98, 30))
    assert coarse > 2 * fine


def test_what_moves_is_smeared_along_its_way():
    edge = np.zeros((100, 100, 3), dtype=np.uint8)
    edge[:, 50:] = 200
    across = processed(edge, flow=(5.0, 0.0), shutter_s=0.01)[50, :, 0]  # 5 pixels
    assert 3 <= ((across > 15) & (across < 185)).sum() <= 7
    along = processed(edge, flow=(0.0, 5.0), shutter_s=0.01)[50, :, 0]
    assert ((along > 15) & (along < 185)).sum() <= 1


@pytest.mark.parametrize("joint", [0, 1, 3])
def test_the_picture_moves_as_fast_as_is_said(joint):
    """The wrist camera over a pattern, moved by one joint: measured against what smears it."""
    sim = Simulation("reach", level=3)
    record = sim.reset(0)
    sharp = {"noise": 0.0, "blur": 0.0, "camera_delay_steps": 0, "command_delay_steps": 0}
    processing = NEUTRAL._asdict()
    table = {"kind": "print", "seed": 1, "colours": [[0.9] * 3, [0.1] * 3], "size_m": 0.3}
    drawn = record["randomization"] | sharp | {"processing": processing}
    drawn["room"] = drawn["room"] | {"table": table, "things": []}
    sim.replay(record | {"randomization": drawn})
    target = np.array(record["arm_start_rad"])
    turn = np.eye(6)[joint] * 0.02
    for _ in range(8):
        target = target + turn
        sim.step(target)
    first, said = sim.render("wrist", 240, 320), sim._flow_per_s(sim.cameras.index("wrist"))
    sim.step(target + turn)
    second = sim.render("wrist", 240, 320)
    # The middle, above the jaws.
    grey = [cv2.cvtColor(p[40:140, 80:240], cv2.COLOR_RGB2GRAY) for p in (first, second)]
    shift, _ = cv2.phaseCorrelate(*(g.astype(np.float32) for g in grey))
    measured = np.array(shift) * 30 / 240  # image heights a second
    assert np.hypot(*measured) > 0.2
    assert np.hypot(*(measured - said)) < 0.5 * np.hypot(*measured)


def test_lamps_are_warm_and_skies_are_blue():
    warm, sun, sky = (light_colour(kelvin) for kelvin in (2700, 6500, 10000))
    assert warm[0] > 2 * warm[2]
    assert sun == [1.0, 1.0, 1.0]
    assert sky[2] > sky[0]
    assert is_apart([0.5, 0.5, 0.5], (0.0,))
    assert not is_apart([0.8, 0.1, 0.1], (0.0,))


def test_gymnasium_has_the_room_too():
    env = So101Env("pick_place", level=3, cameras=("front",), image_size=(48, 64))
    observation, info = env.reset(seed=3)
    assert observation["images"]["front"].std() > 5
    assert info["record"]["randomization"]["room"]["table"]["kind"] in textures.KINDS
    assert env.reset(seed=3, options={"level": 1})[1]["record"]["level"] == 1


def test_the_table_of_levels_is_one():
    assert [ranges and ranges.room for ranges in LEVELS] == [None, None, None, RANGES]
