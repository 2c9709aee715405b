"""Folders and prefixes by path or URL, local and remote alike."""

from urllib.parse import unquote, urlsplit

from upath import UPath


def location(url: str) -> UPath:
    """The place that a path or an fsspec URL names.

    fsspec takes a file URI literally; it is decoded here, so that a folder with a space or a hash in its name is found.
    """
    parts = urlsplit(url)
    return UPath(unquote(parts.path)) if parts.scheme == "file" else UPath(url)


def canonical_uri(place: str) -> str:
    """An absolute URI for a folder given as a path or as a URL."""
    path = location(place)
    return str(path.expanduser().resolve().as_uri()) if path.protocol in ("", "file") else str(path.as_uri())
