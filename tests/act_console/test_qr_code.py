"""The QR code, as a camera reads it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from act_console.qr_code import qr_lines, qr_svg

pytest.importorskip("segno", reason="run `make setup`: segno is not installed")

LINK = "http://robot.local:8080/?token=Zm9vYmFyYmF6cXV4MTIz"
# Two rows of a code in one line: whether the upper one is light, and the lower one.
HALVES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def test_a_terminal_shows_the_link():
    rows = []
    for line in filter(None, qr_lines(LINK)):
        rows += [[HALVES[character][half] for character in line] for half in (0, 1)]
    picture = np.kron(np.array(rows, np.uint8), np.ones((6, 6), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == LINK


def test_a_page_gets_a_picture_and_no_script():
    picture = qr_svg(LINK)
    assert picture.startswith("<svg")
    assert "script" not in picture
