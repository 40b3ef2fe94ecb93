"""Whether a run looks for new examples: HYPOTHESIS_PROFILE=explore.

Otherwise every run tries the same ones, so that a failure is of the change at hand. What exploring
finds becomes an example of its own. Repeat the run for more: each draws anew.
"""

from __future__ import annotations

import os

EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"
# For what is drawn without Hypothesis; a run is repeated with EXPLORE_SEED=<what it printed>.
SEED = int(os.environ.get("EXPLORE_SEED") or int.from_bytes(os.urandom(4), "big"))
if not EXPLORING:
    SEED = 0
