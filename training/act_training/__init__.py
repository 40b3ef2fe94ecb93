"""Offline half of the project: demonstrations -> ACT -> policy bundle -> evaluation."""
