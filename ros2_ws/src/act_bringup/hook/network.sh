# Sourced with the workspace: nodes of this shell reach this host only, unless ROS2_NETWORK=lan.

_act_profile="$COLCON_CURRENT_PREFIX/share/act_bringup/config/fastdds"
case "${ROS2_NETWORK:-host}" in
    host) _act_profile="$_act_profile.xml" ;;
    lan)
        _act_profile="${_act_profile}_lan.xml"
        echo "ROS2_NETWORK=lan: whoever is in the network can command the arm and release its stop" >&2
        ;;
    *)
        echo "ROS2_NETWORK is '$ROS2_NETWORK', expected 'host' (the default) or 'lan'; taken: host" >&2
        _act_profile="$_act_profile.xml"
        ;;
esac
# Each release of Fast DDS reads one variable; a profile of the user's own stays.
case "${ROS_DISTRO:-}" in
    humble | iron | jazzy)
        case "${FASTRTPS_DEFAULT_PROFILES_FILE:-}" in
            "" | */share/act_bringup/config/fastdds*.xml)
                export FASTRTPS_DEFAULT_PROFILES_FILE="$_act_profile" ;;
        esac ;;
    *)
        case "${FASTDDS_DEFAULT_PROFILES_FILE:-}" in
            "" | */share/act_bringup/config/fastdds*.xml)
                export FASTDDS_DEFAULT_PROFILES_FILE="$_act_profile" ;;
        esac ;;
esac
unset _act_profile
