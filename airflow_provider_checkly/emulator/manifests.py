"""The files of a result over HTTP: the manifest that lists them, and the files themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from airflow_provider_checkly.emulator import queries
from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.assets import TYPES, asset_json, chosen

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.assets import Asset
    from airflow_provider_checkly.emulator.checks import JSON


def manifest(request: web.Request, assets: list[Asset], source: dict[str, JSON]) -> web.Response:
    """Answer with the manifest that `type` and `name` ask for (schema AssetManifest)."""
    types = queries.texts(request, "type", TYPES)
    pattern = queries.text(request, "name", longest=200) or ""
    url = str(request.url.origin().join(request.rel_url.with_query(None)))
    found: list[JSON] = [asset_json(asset, url, source) for asset in chosen(assets, types, pattern)]
    return web.json_response({"assets": found})


def file(request: web.Request, assets: list[Asset]) -> web.Response:
    """Answer with a file, made up as it is: it says what it stands for."""
    for asset in assets:
        if asset.name == request.match_info["name"]:
            body = f"This stands for {asset.name} of {request.path}\n".encode()
            return web.Response(body=body, content_type=asset.content_type)
    raise Problem(404, "No such asset.")


def assets_url(request: web.Request, result_path: str) -> str:
    """Give the URL under which the files of a result are."""
    return f"{request.url.origin()}{result_path}/assets"
