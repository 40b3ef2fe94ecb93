"""LeRobotDataset folders (huggingface/lerobot), read in v2.0, v2.1 and v3.0 and written in v3.0.

Written from the format's description and checked by loading what is written with LeRobot 0.4.4;
LeRobot itself is never needed here.
"""
