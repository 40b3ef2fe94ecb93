"""The board as a page to be printed at its true size."""

from __future__ import annotations

from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.files import replacing
from act_sim.calibration_board import COLUMNS, ROWS, Board
from PIL import Image, ImageDraw

A4_M = (0.210, 0.297)
_PER_SQUARE = 480  # pixels
_BAR_M = 0.1


def print_board(board: Board, file: Path) -> None:
    """Writes a PDF of one A4 page with the board and a bar of 100 mm to be measured.

    Raises ConfigurationError where the board is larger than the page or the file is no PDF.
    """
    if file.suffix.lower() != ".pdf":
        raise ConfigurationError(f"--print {file}: expected a name that ends in .pdf")
    if board.size_m[0] > A4_M[0] - 0.01 or board.size_m[1] > A4_M[1] - 0.03:
        raise ConfigurationError(
            f"a board of {1000 * board.size_m[0]:.0f} x {1000 * board.size_m[1]:.0f} mm does not "
            "fit on A4: smaller squares (--square-mm)"
        )
    per_m = _PER_SQUARE / board.square_m
    page = Image.new("L", (round(A4_M[0] * per_m), round(A4_M[1] * per_m)), 255)
    picture = Image.fromarray(board.draw(_PER_SQUARE))
    left = (page.width - picture.width) // 2
    top = (page.height - picture.height) // 3
    page.paste(picture, (left, top))
    draw = ImageDraw.Draw(page)
    below = top + picture.height + round(0.008 * per_m)
    bar = (left, below, left + round(_BAR_M * per_m), below + round(0.002 * per_m))
    draw.rectangle(bar, fill=0)
    text = (
        f"The bar is 100 mm long when printed at 100 %. {COLUMNS} x {ROWS} squares of "
        f"{1000 * board.square_m:g} mm: if they are not, measure one and give --square-mm."
    )
    draw.text((left, below + round(0.004 * per_m)), text, fill=0, font_size=round(0.0035 * per_m))
    with replacing(file) as new:
        page.save(new, "PDF", resolution=per_m * 0.0254)
