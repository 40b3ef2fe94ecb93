"""The link as a QR code, for a telephone. Without the package segno, the link is enough."""

from __future__ import annotations

import io


def qr_lines(link: str) -> list[str]:
    """Lines of a terminal, dark on light as cameras expect it; none without the package."""
    try:
        import segno
    except ModuleNotFoundError:
        return []
    text = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(text, compact=True)
    return text.getvalue().splitlines()


def qr_svg(link: str) -> str:
    """An SVG picture for a page; empty without the package."""
    try:
        import segno
    except ModuleNotFoundError:
        return ""
    code = segno.make(link, error="l", micro=False)
    return str(code.svg_inline(omitsize=True, dark="#000", light="#fff"))
