"""What both transports take from the environment: proxies and trusted certificates."""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from requests.utils import should_bypass_proxies

from airflow_provider_checkly.exceptions import ChecklyUnreachable

BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Each names a file or a folder."""
PROXY_VARIABLES: Final = "see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY in the environment."


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL according to the environment (HTTPS_PROXY, NO_PROXY, ...), None for none.

    :raises ChecklyUnreachable: it is not an HTTP proxy (aiohttp supports no other), or its URL is not valid.
    """
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = (proxies.get(parts.scheme) or proxies.get("all") or "").strip()
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]) or should_bypass_proxies(url, None):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.lower().startswith(("http://", "https://")):
        raise _unusable(f"Only http proxies are supported; {PROXY_VARIABLES}")
    try:
        parts = urlsplit(proxy)
        is_valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise _unusable(f"The URL of the proxy is not valid; {PROXY_VARIABLES}")
    if parts.username and parts.password is None:  # requests would omit the name
        return proxy.replace("@", ":@", 1)
    return proxy


def _unusable(text: str) -> ChecklyUnreachable:
    """Return an error that no retry fixes; it does not show the password of a proxy."""
    return ChecklyUnreachable(text, maybe_processed=False, retryable=False)


@cache
def _tls(bundle: str | None) -> ssl.SSLContext:
    if bundle is None:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=certifi.where())
        return context
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def tls_context() -> ssl.SSLContext:
    """Return the TLS context that verifies certificates: by the named bundle, else by system and certifi.

    :raises ChecklyUnreachable: the named bundle cannot be read.
    """
    bundle = next((found for name in BUNDLE_VARIABLES if (found := os.environ.get(name))), None)
    try:
        return _tls(bundle)
    except OSError as error:
        raise _unusable(
            f"The certificate bundle that the environment names cannot be read: {bundle} ({error})."
        ) from error
