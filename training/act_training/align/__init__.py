"""Where cameras stand and how they see, from pictures of a board: ``act-align-camera``."""
