"""One machine's node for test_network.py: listens, commands, calls; as the arm it serves.

python network_peer.py NAME SECONDS [EXPECTED ...]

Ends earlier, once it has heard the arm, was served and has seen commands of all that it expects.
"""

from __future__ import annotations

import json
import os
import sys
import time

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

name, seconds, expected = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
LINGERS_S = 2.0  # others are still to see its commands
rclpy.init()
node = rclpy.create_node(name)
heard: list[JointState] = []
commanded_by: set[str] = set()
node.create_subscription(JointState, "joint_states", heard.append, qos_profile_sensor_data)
node.create_subscription(
    JointState, "joint_commands", lambda m: commanded_by.update(m.name), qos_profile_sensor_data
)
if name == "arm":
    publisher = node.create_publisher(JointState, "joint_states", 1)

    def release(_: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = True
        return response

    node.create_service(SetBool, "estop", release)
else:
    publisher = node.create_publisher(JointState, "joint_commands", 1)
client = node.create_client(SetBool, "estop")
answer = None
deadline = time.monotonic() + seconds
while time.monotonic() < deadline:
    publisher.publish(JointState(name=[name]))
    rclpy.spin_once(node, timeout_sec=0.05)
    if name == "arm":
        continue
    if answer is None and client.service_is_ready():
        answer = client.call_async(SetBool.Request(data=True))
    if expected and heard and answer and answer.done() and commanded_by.issuperset(expected):
        deadline = min(deadline, time.monotonic() + LINGERS_S)
topics = [topic for topic in ("/joint_states", "/joint_commands/applied")
          if node.get_publishers_info_by_topic(topic)]  # fmt: skip
found = {
    "topics": topics,
    "heard": len(heard),
    "served": answer is not None and answer.done(),
    "commanded_by": sorted(commanded_by),
}
print(json.dumps(found), flush=True)
os._exit(0)  # the middleware's own way out takes seconds
