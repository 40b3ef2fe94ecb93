"""System identification of an arm's servos from a recorded motion: the command ``act-identify``."""
