# Source me (bash or zsh): a shell in which ros2, colcon and every command of this project work.
#
#   source env.sh

_act_root="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)"
if [ ! -e "$_act_root/.venv/.runtime-complete" ] || [ ! -e "$_act_root/ros2_ws/install/.built" ]; then
    echo "env.sh: the set-up is not complete; run: make -C $_act_root setup" >&2
    unset _act_root
    return 1 2>/dev/null || exit 1
fi

# The ROS 2 distribution that `make setup` found, if any, goes below the workspace.
_act_distribution="$(cat "$_act_root/.venv/.ros-distribution")"
if [ -n "$_act_distribution" ] && [ "${ROS_DISTRO:-}" != "$_act_distribution" ]; then
    . "/opt/ros/$_act_distribution/setup.${ZSH_VERSION:+z}${BASH_VERSION:+ba}sh"
fi
. "$_act_root/.venv/bin/activate"
# Also confines Fast DDS to this host (ROS2_NETWORK=lan opens it): act_bringup's hook/network.sh.
. "$_act_root/ros2_ws/install/local_setup.${ZSH_VERSION:+z}${BASH_VERSION:+ba}sh"

# act, so101-setup, act-record and their like without `ros2 run <package>` before them.
export PATH="$_act_root/ros2_ws/install/act_console/lib/act_console:$PATH"
export PATH="$_act_root/ros2_ws/install/so101_driver/lib/so101_driver:$PATH"
export PATH="$_act_root/ros2_ws/install/act_record/lib/act_record:$PATH"
# Cameras of the simulation are rendered off screen; a viewer opens its own window regardless.
export MUJOCO_GL="${MUJOCO_GL:-egl}"
# `python -m bench.<name>` from anywhere.
export PYTHONPATH="$_act_root${PYTHONPATH:+:$PYTHONPATH}"
unset _act_root _act_distribution
