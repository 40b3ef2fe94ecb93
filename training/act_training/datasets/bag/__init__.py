"""Recordings on ROS topics become episodes."""
