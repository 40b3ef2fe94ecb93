# Sourced with the workspace: console lines with the time of day in place of nanoseconds since 1970.
# Humble and Iron know no such token; a format of the user's own stays.
case "${ROS_DISTRO:-}" in
    humble | iron) ;;
    *)
        [ -n "${RCUTILS_CONSOLE_OUTPUT_FORMAT:-}" ] ||
            export RCUTILS_CONSOLE_OUTPUT_FORMAT='[{severity}] [{date_time_with_ms}] [{name}]: {message}'
        ;;
esac
