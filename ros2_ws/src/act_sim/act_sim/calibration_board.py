"""The printed ChArUco board that cameras are aligned by: its size, its picture, and finding it.

Corners of a chessboard, found to a tenth of a pixel, each named by the markers around it, so that
a board that is seen in part is of use as well (OpenCV's aruco module draws and finds it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

if TYPE_CHECKING:
    import cv2

COLUMNS, ROWS = 4, 6
SQUARE_M = 0.042  # so that it fits on A4 and on US letter
MARKER_OF_SQUARE = 0.8
LEAST_CORNERS = 6  # with fewer, a pose may be far off
# Markers far away are a dozen pixels wide, and webcams are not sharp. In pictures of level 3, when
# enlarged and sharpened, 11 markers are found where OpenCV finds 2 by itself.
_ROWS_LOOKED_AT = 960
_BLUR_OF_ROWS, _SHARPENED = 0.0026, 1.5


class Sighting(NamedTuple):
    """Corners in a picture: numbers (N,) of `Board.corners_m`, and pixels (N, 2) right and down."""

    ids: NDArray[np.int64]
    pixels: NDArray[np.float64]


@dataclass(frozen=True)
class Board:
    """The board. Its frame: origin in its middle, x along its short edge, z towards who looks.

    square_m: edge of a square as it came out of the printer; ConfigurationError for one that no
    printer makes.
    """

    square_m: float = SQUARE_M

    def __post_init__(self) -> None:
        if not 0.005 <= self.square_m <= 0.2:
            raise ConfigurationError(
                f"a square of the board is {self.square_m:g} m, expected 0.005 to 0.2: measure one "
                "with a ruler"
            )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width (x) and height (y) of the board without its margin."""
        return COLUMNS * self.square_m, ROWS * self.square_m

    @property
    def corners_m(self) -> NDArray[np.float64]:
        """(C, 3) the inner corners by number."""
        points = np.asarray(self._charuco().getChessboardCorners(), dtype=np.float64)
        # OpenCV's origin is the top left corner, y down, z away from who looks.
        width, height = self.size_m
        return (points - (0.5 * width, 0.5 * height, 0.0)) * (1.0, -1.0, -1.0)

    def draw(self, pixels_per_square: int) -> NDArray[np.uint8]:
        """(ROWS n, COLUMNS n) grey, white margin not included."""
        size = (COLUMNS * pixels_per_square, ROWS * pixels_per_square)
        return np.asarray(self._charuco().generateImage(size), dtype=np.uint8)

    def find(self, image: NDArray[np.uint8]) -> Sighting | None:
        """The corners in a picture (H, W, 3) rgb; None where too few are seen to tell a pose."""
        import cv2

        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        enlarged = max(1, round(_ROWS_LOOKED_AT / len(grey)))
        if enlarged > 1:
            grey = cv2.resize(grey, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
        blurred = cv2.GaussianBlur(grey, (0, 0), _BLUR_OF_ROWS * len(grey))
        grey = cv2.addWeighted(grey, 1.0 + _SHARPENED, blurred, -_SHARPENED, 0.0)
        parameters = cv2.aruco.DetectorParameters()
        parameters.errorCorrectionRate = 1.0
        parameters.perspectiveRemovePixelPerCell = 8
        of_board = cv2.aruco.CharucoParameters()
        of_board.minMarkers = 1
        detector = cv2.aruco.CharucoDetector(self._charuco(), of_board, parameters)
        pixels, ids, _, _ = detector.detectBoard(grey)
        if ids is None or len(ids) < LEAST_CORNERS:
            return None
        order = np.argsort(np.ravel(ids))
        return Sighting(
            np.ravel(ids)[order].astype(np.int64),
            # The middle of pixel 0 is at 0, enlarged or not.
            (np.reshape(pixels, (-1, 2))[order].astype(np.float64) + 0.5) / enlarged - 0.5,
        )

    def _charuco(self) -> cv2.aruco.CharucoBoard:
        import cv2

        codes = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        return cv2.aruco.CharucoBoard(
            (COLUMNS, ROWS), self.square_m, MARKER_OF_SQUARE * self.square_m, codes
        )
