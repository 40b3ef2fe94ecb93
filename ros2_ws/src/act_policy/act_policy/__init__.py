"""Runs ACT policies: bundle in, observations in, smooth joint commands out.

Everything here is plain Python, but for ``policy_node.py``, the node around it.
"""
