"""Which part may import which: the rules of docs/architecture.md, checked on the source text."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(path.parent.name for path in (ROOT / "ros2_ws/src").glob("*/package.xml"))
MESSAGES = (
    "action_msgs", "builtin_interfaces", "diagnostic_msgs", "geometry_msgs", "lifecycle_msgs",
    "rcl_interfaces", "rosgraph_msgs", "sensor_msgs", "std_msgs", "std_srvs", "trajectory_msgs",
)  # fmt: skip

ROS = (
    "ros2_ws/src/*/*_node.py",
    "ros2_ws/src/act_core/act_core/ros*.py",
    "pip_ros2/*",
    "launch/*.launch.py",
)
LAUNCH = ("launch/*.launch.py", "ros2_ws/src/act_bringup/*", "pip_ros2/*")
# Library -> the only places that may import it (besides tests and benches).
ALLOWED = {
    "rclpy": ROS,
    **dict.fromkeys(MESSAGES, ROS),
    "launch": LAUNCH,
    "launch_ros": LAUNCH,
    "torch": ("training/*",),
    "torchvision": ("training/*",),
    "metaworld": ("training/*",),
    "mujoco": ("ros2_ws/src/act_sim/*", "training/*", "pip_ros2/ros2cli/doctor*"),
    "onnxruntime": (
        "ros2_ws/src/act_policy/act_policy/onnx_policy.py",
        "training/act_training/export*",
        "training/act_training/quantization.py",  # a part of the exporter
        "pip_ros2/ros2cli/doctor*",
    ),
    "fsspec": ("training/act_training/remote_files.py",),
    "ray": ("training/act_training/ray_pool.py",),
    "ros2cli": ("pip_ros2/*",),
    **dict.fromkeys(("fastapi", "nicegui", "uvicorn"), ("ros2_ws/src/act_console/*",)),
    "serial": ("ros2_ws/src/so101_driver/so101_driver/transport.py", "pip_ros2/ros2cli/doctor*"),
}


# Whose joints these are is nobody's business but of who speaks to its servos, has its model, or
# knows how LeRobot writes them; everybody else asks `act_core.robots.find_robot`.
ONE_ROBOT = "act_core.robots.so101"
KNOWS_IT = (
    "ros2_ws/src/act_core/act_core/robots/*",
    "ros2_ws/src/so101_driver/*",
    "ros2_ws/src/act_sim/act_sim/arm_model.py",
    "training/act_training/datasets/lerobot/*",
    "training/act_training/datasets/value_plan.py",
    "training/act_training/import_checkpoint.py",
    "training/act_training/export_lerobot.py",
)

OF_ROS = ("rclpy", "launch", "launch_ros", "ros2cli")


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    product = ("ros2_ws/src/", "training/", "pip_ros2/", "launch/")
    return [
        Path(name) for name in listed
        if name.startswith(product) and "/tests/" not in name and (ROOT / name).exists()
    ]  # fmt: skip


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full module name of every import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def violations(path: Path, source: str) -> list[str]:
    """What ``path`` imports that it may not."""
    found = []
    place = path.as_posix()
    owner = place.split("/")[2] if place.startswith("ros2_ws/src/") else place.split("/")[0]
    for line, module in imports(ast.parse(source)):
        library = module.split(".")[0]
        where = f"{place}:{line} imports {module}"
        if library in ALLOWED and not any(fnmatch(place, rule) for rule in ALLOWED[library]):
            found.append(f"{where}; only {', '.join(ALLOWED[library])} may")
        if module == ONE_ROBOT and not any(fnmatch(place, rule) for rule in KNOWS_IT):
            found.append(f"{where}; only {', '.join(KNOWS_IT)} may")
        if library in PACKAGES and library not in (owner, "act_core"):
            if owner == "act_bringup" and module.endswith("_parameters"):
                continue  # launch arguments are parameters of the nodes that it starts
            if owner == "act_console" and not module.endswith("_node"):
                continue  # the front of all that there is: the same code as the commands
            if owner in PACKAGES:
                found.append(f"{where}; a ROS package imports no other than act_core")
            elif module.endswith("_node"):
                found.append(f"{where}; training imports pure modules only")
        if library in (*PACKAGES, "act_training") and owner == "pip_ros2":
            found.append(f"{where}; pip_ros2 knows nothing of the product")
        if place.startswith("pip_ros2/rosbag_lite/") and library in (*MESSAGES, *OF_ROS):
            found.append(f"{where}; bags are read and written without ROS")
        if library == "act_training" and owner != "training":
            found.append(f"{where}; the runtime never imports training")
    return found


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_follow_the_rules(path):
    assert violations(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ros2_ws/src/act_policy/act_policy/policy_runner.py", "import rclpy.node"),
        ("ros2_ws/src/act_policy/act_policy/policy_runner.py", "from sensor_msgs.msg import Image"),
        ("ros2_ws/src/act_policy/act_policy/policy_node.py", "import act_sim.simulation"),
        ("ros2_ws/src/act_policy/act_policy/bundle.py", "def f():\n    import torch"),
        ("ros2_ws/src/act_sim/act_sim/tasks/reach.py", "from act_training import config"),
        ("ros2_ws/src/act_record/act_record/jog.py", "from act_core.robots.so101 import SO101"),
        ("launch/real_so101.launch.py", "import act_core.robots.so101"),
        ("pip_ros2/ros2cli/bag.py", "import act_core.ros"),
        ("pip_ros2/rosbag_lite/bag.py", "from rclpy.qos import QoSProfile"),
        ("ros2_ws/src/act_record/act_record/bag_reader.py", "from ros2cli import bag_info"),
        ("training/act_training/train.py", "from act_policy.policy_node import PolicyNode"),
    ],
)
def test_the_rules_find_what_breaks_them(path, source):
    assert len(violations(Path(path), source)) == 1


# Module -> its rosdep key, which package.xml declares.
KEYS = {
    "OpenGL": "python3-opengl",
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "rich": "python3-rich",
    "scipy": "python3-scipy",
    "serial": "python3-serial",
    "yaml": "python3-yaml",
    **{name: name for name in ("ament_index_python", "launch", "launch_ros", "rclpy")},
    **{name: name for name in (*MESSAGES, *PACKAGES)},
}
# Those that rosdep has no key for on every distribution: setup.sh installs them with pip.
FROM_PIP = {
    "av", "fast_simplification", "fastapi", "glfw", "gymnasium", "mink", "mujoco", "nicegui",
    "onnxruntime", "openvino", "rosbag_lite", "segno", "uvicorn",
}  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_package_xml_names_all_that_the_package_needs(package):
    """What its modules and launch files import, and whose nodes the launch files start."""
    folder = ROOT / "ros2_ws/src" / package
    trees = [
        ast.parse(path.read_text())
        for place in ("launch", package)
        for path in (folder / place).rglob("*.py")
    ]
    modules = {module.split(".")[0] for tree in trees for _, module in imports(tree)}
    modules -= {package, *sys.stdlib_module_names}
    assert modules <= {*KEYS, *FROM_PIP}, "neither a rosdep key nor from pip"
    started = {
        keyword.value.value
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "package" and isinstance(keyword.value, ast.Constant)
    }
    manifest = ElementTree.parse(folder / "package.xml")
    declared = [each.text for each in manifest.iter() if each.tag in ("depend", "exec_depend")]
    missing = {KEYS[module] for module in modules & set(KEYS)} | started
    assert sorted(missing - set(declared)) == []
    assert sorted({name for name in declared if declared.count(name) > 1}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_colcon_test_finds_the_tests_of_each_package(package):
    """`colcon test` runs pytest in the folder of the package, which asks its setup.cfg."""
    folder = ROOT / "ros2_ws/src" / package
    config = ConfigParser()
    config.read(folder / "setup.cfg")
    assert config["options.extras_require"]["test"] == "pytest"
    (tests,) = config["tool:pytest"]["testpaths"].split()
    assert (folder / tests).resolve() == ROOT / "tests" / package
    assert list((folder / tests).glob("test_*.py"))


def module_of(path: Path) -> str:
    """ros2_ws/src/act_core/act_core/limits.py -> act_core.limits."""
    folders = {"ros2_ws": 3, "training": 1, "pip_ros2": 1}
    parts = path.with_suffix("").parts
    return ".".join(parts[folders.get(parts[0], 0) :]).removesuffix(".__init__")


def imported_modules(path: Path) -> set[str]:
    """Every module that a file names in an import, relative ones and those of annotations, too."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            found.update((base, *(f"{base}.{alias.name}" for alias in node.names)))
    return found


def test_every_module_of_ours_that_is_imported_exists():
    """Two changes that are right each by itself, one that deletes a module and one that goes on
    using it, do not meet in any text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    paths = [Path(name) for name in listed if (ROOT / name).exists()]
    there = {module_of(path) for path in paths}
    there |= {module.rsplit(".", n)[0] for module in there for n in range(1, module.count(".") + 1)}
    ours = (*PACKAGES, "act_training", "bench", "tests")
    missing = [
        f"{path}:{line} imports {module}"
        for path in paths
        for line, module in imports(ast.parse((ROOT / path).read_text()))
        if module.split(".")[0] in ours and module not in there
    ]
    assert missing == []


def test_no_module_of_pip_ros2_imports_itself_by_way_of_others():
    files = {module_of(path): path for path in sources() if path.parts[0] == "pip_ros2"}
    left = {
        # A package's __init__ is executed before its modules, and imports them: no circle.
        name: {other for other in imported_modules(path) & set(files) if other != name}
        for name, path in files.items()
        if path.name != "__init__.py"
    }
    while free := [name for name, others in left.items() if not others & set(left)]:
        for name in free:
            del left[name]
    assert left == {}
