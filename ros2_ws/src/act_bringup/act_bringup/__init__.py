"""Launch files and parameter files of the runtime; the launch files live in the root's launch/."""
