"""``act-check``: whether policy, data, calibration, set-up and running graph fit together."""
