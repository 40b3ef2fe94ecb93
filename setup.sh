#!/usr/bin/env bash
# Sets the workspace up; `make setup` and `make training` call it. Safe to run again and again.
#
#   ./setup.sh [runtime|training]
#
# Creates .venv, installs what requirements/ says and builds the ROS packages. A step counts as done
# only once its stamp file is written, which is the last thing that it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
stop() { printf '\033[1;31m[setup]\033[0m %s\n' "$*" >&2; exit 1; }

# Neither a virtual environment's scripts nor PATH and PYTHONPATH can hold such a folder.
case "$PWD" in
    *[[:space:]:\"\'\$\\]*)
        stop "this folder cannot be used: $PWD has a space, colon, quote, \$ or \\ in its path." \
            "Move it, e.g. to ~/act-so101, and run this again." ;;
esac

find_python() {
    local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10)
    if [ -n "${PYTHON:-}" ]; then
        candidates=("$PYTHON")
    elif [ -n "${ROS_DISTRO:-}" ] && [ -x /usr/bin/python3 ]; then
        candidates=(/usr/bin/python3) # a distribution is built for one Python, the system's
    elif [ -e .venv/.python ]; then
        candidates=("$(cat .venv/.python)" "${candidates[@]}")
    fi
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c \
            'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    stop "Python 3.10 to 3.13 is needed; tried ${candidates[*]}." \
        "Install one, or name it: make setup PYTHON=/path/to/python3.12"
}

# System libraries: off-screen OpenGL for MuJoCo's cameras, and venv where Python came without it.
install_system_packages() {
    local missing=() run_as_root=()
    ldconfig -p 2>/dev/null | grep -q 'libEGL\.so\.1' || missing+=(libegl1)
    ldconfig -p 2>/dev/null | grep -qE 'libEGL_(mesa|nvidia)\.so\.0' || missing+=(libegl-mesa0)
    compgen -G '/usr/lib/*/dri/*_dri.so' >/dev/null || compgen -G '/usr/lib/dri/*_dri.so' >/dev/null ||
        ldconfig -p 2>/dev/null | grep -q libEGL_nvidia || missing+=(libgl1-mesa-dri)
    "$PYTHON_FOUND" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} -eq 0 ] && return
    local line="apt-get install -y --no-install-recommends ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || run_as_root=(sudo -n)
    if ! command -v apt-get >/dev/null; then
        stop "missing: ${missing[*]} (Debian's names). Install what your system calls them, then run this again."
    fi
    if [ ${#run_as_root[@]} -gt 0 ] && ! sudo -n true 2>/dev/null; then
        stop "missing system packages. Run this line, then \`make setup\` again:  sudo $line"
    fi
    say "installing system packages: ${missing[*]}"
    { "${run_as_root[@]}" apt-get update -q && "${run_as_root[@]}" $line; } >.setup.log 2>&1 ||
        stop "apt-get failed (.setup.log says why). Run this line, then \`make setup\` again:  sudo $line"
    rm -f .setup.log
}

install_python_packages() { # $1: what for; $2...: pip's arguments
    local name=$1
    shift
    local constraints=(-c requirements/constraints.txt)
    [ -n "$DISTRIBUTION" ] && constraints=(-c requirements/ros_distribution.txt)
    say "installing the $name packages"
    if ! .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -q \
        "${constraints[@]}" "$@" >.venv/pip.log 2>&1; then
        grep -E '^ *(ERROR|error)' .venv/pip.log | tail -n 5 >&2 || true
        grep -qiE 'connection|resolve host|timed out|ProxyError|No matching distribution' .venv/pip.log &&
            stop "pip could not fetch the $name packages: is the network (or the proxy) up? Then run this again."
        stop "pip failed on the $name packages; .venv/pip.log says why."
    fi
}

setup_runtime() {
    local stamp=.venv/.runtime-complete wanted
    wanted=$(cat setup.sh pip_ros2/{,rosbag_lite/}pyproject.toml requirements/{runtime,console,ros_wheels,ros_distribution,constraints}.txt |
        cat - <(echo "$PYTHON_FOUND" "$("$PYTHON_FOUND" -V)" "$DISTRIBUTION") | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        install_system_packages
        if [ -d .venv ] && { [ ! -e "$stamp" ] || [ "$(cat .venv/.python 2>/dev/null)" != "$PYTHON_FOUND" ]; }; then
            say "removing a half-finished or different .venv"
            rm -rf .venv
        fi
        rm -f "$stamp"
        say "Python: $("$PYTHON_FOUND" -V) ($PYTHON_FOUND)${DISTRIBUTION:+ on ROS 2 $DISTRIBUTION}"
        if [ ! -d .venv ]; then
            # On top of a distribution the venv sees its rclpy, launch and cv_bridge.
            "$PYTHON_FOUND" -m venv ${DISTRIBUTION:+--system-site-packages} .venv ||
                stop "python -m venv failed; on Debian and Ubuntu: sudo apt-get install -y python3-venv"
            echo "$PYTHON_FOUND" >.venv/.python
        fi
        if [ -n "$DISTRIBUTION" ]; then
            install_python_packages runtime -r requirements/runtime.txt -r requirements/console.txt \
                -e ./pip_ros2/rosbag_lite
        else
            install_python_packages runtime -r requirements/runtime.txt -r requirements/console.txt \
                -r requirements/ros_wheels.txt -e ./pip_ros2
        fi
        echo "$DISTRIBUTION" >.venv/.ros-distribution
        touch .venv/COLCON_IGNORE
        echo "$wanted" >"$stamp"
    fi
    build_workspace
}

build_workspace() {
    # With --symlink-install sources are used in place: only what describes a package needs a build.
    local stamp=ros2_ws/install/.built wanted
    wanted=$( (cd ros2_ws/src && find -L . ../../launch \( -name '*.xml' -o -name 'setup.*' -o -name '*.pkg' \
        -o -name '*.launch.py' -o -path '*/hook/*' \) | sort | xargs sha256sum; cat ../../.venv/.runtime-complete) | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    say "building the ROS packages"
    rm -f "$stamp"
    mkdir -p ros2_ws/log
    if ! (cd ros2_ws && ../.venv/bin/python -m colcon build --symlink-install \
        --event-handlers console_direct- >log/setup.log 2>&1); then
        tail -n 20 ros2_ws/log/setup.log >&2
        stop "colcon build failed (above; ros2_ws/log has more). To start afresh: make clean setup"
    fi
    echo "$wanted" >"$stamp"
}

# For the tests of the console's page, which are skipped without one: never a reason to stop.
install_browser() {
    command -v chromium chromium-browser google-chrome >/dev/null && return
    local run_as_root=()
    [ "$(id -u)" -eq 0 ] || run_as_root=(sudo -n)
    if command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        say "installing chromium, for the tests of the console"
        { "${run_as_root[@]}" apt-get update -q && "${run_as_root[@]}" timeout 300 apt-get install -y \
            --no-install-recommends chromium; } >.setup.log 2>&1 && rm -f .setup.log && return
    fi
    say "no chromium: the tests of the console's page will be skipped"
}

setup_training() {
    local stamp=.venv/.training-complete wanted
    wanted=$(cat .venv/.runtime-complete training/pyproject.toml requirements/{training,dev,metaworld,constraints}.txt | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    rm -f "$stamp"
    install_python_packages "training and test" -r requirements/runtime.txt -r requirements/training.txt \
        -r requirements/dev.txt
    install_browser
    install_python_packages MetaWorld --no-deps -r requirements/metaworld.txt
    echo "$wanted" >"$stamp"
}

PYTHON_FOUND=$(find_python) || exit 1
DISTRIBUTION=""
if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ] &&
    "$PYTHON_FOUND" -c 'import rclpy, launch, launch_ros' 2>/dev/null; then
    DISTRIBUTION=$ROS_DISTRO
fi
case "${1:-runtime}" in
    runtime) setup_runtime ;;
    training) setup_runtime; setup_training ;;
    *) stop "unknown part '$1': runtime or training" ;;
esac
