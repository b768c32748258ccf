"""Check the links inside the built documentation: `docs_links.py FOLDER`; return 1 if one leads nowhere.

MkDocs checks the links between its pages; this also finds those of included files and of the reference.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what leads somewhere, and what can be led to."""
        for name, value in attrs:
            if value and name in {"href", "src"} and tag in {"a", "img", "link", "script"}:
                self.links.append(value)
            elif value and name in {"id", "name"}:
                self.anchors.add(value)


def main(folder: Path) -> int:
    """Print each link that leads nowhere."""
    pages = {file.resolve(): Page(file) for file in folder.rglob("*.html") if file.name != "404.html"}
    dead = [
        f"{file.relative_to(folder.resolve())}: {link}"
        for file, page in pages.items()
        for link in page.links
        if not _leads_somewhere(file, link, pages)
    ]
    print("\n".join([*dead, f"{len(pages)} pages, {len(dead)} dead links"]))
    return 1 if dead else 0


def _leads_somewhere(file: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    target = target / "index.html" if target.is_dir() else target
    if not parts.fragment or target not in pages:
        return target.exists()
    return unquote(parts.fragment) in pages[target].anchors


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
