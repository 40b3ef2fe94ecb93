"""The SO-101 arm on its servo bus, from bytes to joints in radians, and an emulator of that bus.

Each layer knows only those before it: registers, protocol, transport, bus, arm, driver_node.
"""
