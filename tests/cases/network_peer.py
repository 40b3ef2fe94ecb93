"""One machine's node for test_network.py: listens, commands, calls; as the arm it serves.

python network_peer.py NAME [EXPECTED ...]

Says "up", and "ready" once it has heard the arm, was served and has seen commands of all that it
expects. Goes on until its standard input ends, so that no peer is gone before the others have seen
it, and says what it has found.
"""

from __future__ import annotations

import json
import os
import select
import sys

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

name, expected = sys.argv[1], sys.argv[2:]
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
is_ready = False
print("up", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    publisher.publish(JointState(name=[name]))
    rclpy.spin_once(node, timeout_sec=0.05)
    if name == "arm":
        continue
    if answer is None and client.service_is_ready():
        answer = client.call_async(SetBool.Request(data=True))
    served = answer is not None and answer.done()
    if not is_ready and heard and served and commanded_by.issuperset(expected):
        is_ready = True
        print("ready", flush=True)
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
