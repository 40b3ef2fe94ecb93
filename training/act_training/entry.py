"""The commands of this package, see `act_core.entry`."""

import os
import sys
from pathlib import Path

if not (sys.stderr and sys.stderr.isatty()):  # a log file: a bar twice a minute is enough
    os.environ.setdefault("TQDM_MININTERVAL", "30")
try:
    from act_core.entry import main_of
except ModuleNotFoundError:
    _env = Path(__file__).resolve().parents[2] / "env.sh"
    sys.exit(
        f"error: the packages of the workspace are not found; in each new shell, first: source "
        f"{_env if _env.exists() else 'env.sh (in the repository)'}"
    )

act_collect = main_of.act_training.collect
act_report = main_of.act_training.report
act_train = main_of.act_training.train
act_export = main_of.act_training.export
act_evaluate = main_of.act_training.evaluate
act_transfer = main_of.act_training.transfer
act_compare = main_of.act_training.compare
act_import = main_of.act_training.import_dataset
act_export_lerobot = main_of.act_training.export_lerobot
act_sweep = main_of.act_training.sweep
act_identify = main_of.act_training.identify.cli
act_align_camera = main_of.act_training.align.cli
