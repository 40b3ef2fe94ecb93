"""What two or more packages of the runtime need: joints, limits, timing, topics.

Everything here is numpy only, but for ``ros.py``, the one file that knows rclpy.
"""
