"""Keeps what happened on the topics: a film of a run, a picture of the policy's plans."""
