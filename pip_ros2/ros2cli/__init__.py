"""The ``ros2`` command for machines that have only the PyPI wheels of ROS 2.

The wheels ship rclpy and the standard messages but no command line tool, launch or rosbag2. This
package gives the part of ``ros2`` that daily work with a robot needs, with the names, options,
output and exit codes of the real one. It is never installed where a ROS 2 distribution is: there
the real command is used and nothing here is imported.

Differences from the real command, all on purpose:

- There is no daemon, so each call discovers the graph itself, for 4 s at most (``--spin-time``):
  lists go on when all participants of this host are known, verbs that name something as soon as
  it is there.
- What does not exist (topic, node, service, type, package, parameter, launch argument, ...) is an
  error that suggests the nearest name and lists what there is, and a request that fails exits
  with 1; the real command prints some of these and exits with 0, or waits forever.
"""
