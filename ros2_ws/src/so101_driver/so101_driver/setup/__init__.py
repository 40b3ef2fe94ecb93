"""Setting an arm up: find its port, give its servos their ids, calibrate it, check it."""
