"""A servo bus that speaks bytes: six emulated servos on a pseudo-terminal, faults included.

Behaviour follows Feetech's manual and the clean-room firmware 0o8o0-blip/sts3215-firmware, which
was tested against factory servos; every module says what it leaves out.
"""
