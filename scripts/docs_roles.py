"""Show docstrings on the site: Sphinx's roles become links, as MkDocs knows them."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|exc):`~?([\w.]+)`")


class Roles(griffe.Extension):  # type: ignore[misc]
    """Replace the role of a class by a link to its page, that of a module by its name."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was read."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(partial(_link, obj.module.path), obj.docstring.value)


def _link(module: str, role: re.Match[str]) -> str:
    path = role[1] if "." in role[1] else f"{module}.{role[1]}"
    name = path.rpartition(".")[2]
    return f"`{path}`" if name.islower() else f"[`{name}`][{path}]"
