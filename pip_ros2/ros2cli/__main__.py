"""``python -m ros2cli`` is ``ros2``."""

import sys

from ros2cli.entry import main

sys.exit(main())
