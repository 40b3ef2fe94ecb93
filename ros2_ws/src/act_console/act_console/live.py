"""What pages see at the moment: each gets the newest of every kind, as fast as it takes it.

A page that sleeps has at most one message of each kind waiting, and holds up nobody.
"""

from __future__ import annotations

import asyncio
from typing import Any

Message = bytes | str
MOST_PAGES = 12


class Page:
    """The mailbox of one page. In the thread of the web server."""

    def __init__(self) -> None:
        self._newest: dict[str, Message] = {}
        self._woken = asyncio.Event()

    def put(self, kind: str, message: Message) -> None:
        """Replaces what was waiting of that kind."""
        self._newest[kind] = message
        self._woken.set()

    async def take(self) -> list[Message]:
        """Waits for something and takes all of it."""
        await self._woken.wait()
        self._woken.clear()
        taken = list(self._newest.values())
        self._newest.clear()
        return taken


class Pages:
    """All pages that are open.

    `publish` may be called by any thread; everything else in the web server's.

    Args:
        hello: the first message of every page, of the kind ``hello``.
    """

    def __init__(self, hello: Message = "") -> None:
        self._hello = hello
        self._pages: set[Page] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lasting: dict[str, Message] = {}  # by kind: for pages that come later

    @property
    def count(self) -> int:
        """How many look; any thread."""
        return len(self._pages)

    def join(self) -> Page | None:
        """A new page; None where there are too many."""
        if len(self._pages) >= MOST_PAGES:
            return None
        self._loop = asyncio.get_running_loop()
        page = Page()
        if self._hello:
            page.put("hello", self._hello)
        for kind, message in self._lasting.items():
            page.put(kind, message)
        self._pages.add(page)
        return page

    def leave(self, page: Page) -> None:
        self._pages.discard(page)
        if not self._pages:
            self._lasting.clear()

    def publish(self, kind: str, message: Message, *, lasting: bool = False) -> None:
        """Gives a message to every page; nobody looks: nothing happens."""
        loop = self._loop
        if self._pages and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, kind, message, lasting)

    def _deliver(self, kind: str, message: Message, lasting: bool) -> None:
        if lasting:
            self._lasting[kind] = message
        for page in self._pages:
            page.put(kind, message)


def picture_message(header: bytes, jpeg: bytes) -> bytes:
    """A picture with its JSON header: two bytes of the header's length, header, JPEG."""
    return len(header).to_bytes(2, "big") + header + jpeg


def read_text(message: Any, longest: int = 4000) -> str | None:
    """What a page said, where it is a short text."""
    text = message.get("text") if isinstance(message, dict) else None
    return text if isinstance(text, str) and len(text) <= longest else None
