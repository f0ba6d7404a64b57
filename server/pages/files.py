"""The static tree in memory: read once, served under a hash of its content, so that every answer is immutable."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

# Types are named here because the machine's own table may lack or mistake them, and nosniff makes that fatal.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
FOREVER = "public, max-age=31536000, immutable"
SMALLEST_WORTH_PACKING = 256  # below this gzip's own header eats the gain


@dataclass(frozen=True, slots=True)
class File:
    """One file, plain and packed (`packed` is None where packing gains nothing)."""

    type: str
    plain: bytes
    packed: bytes | None
    etag: str


class StaticTree:
    """All files below a folder. Addresses carry the hash of the whole tree; relative imports keep it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = {name: _file(name, files[name]) for name in sorted(files)}
        whole = hashlib.sha256()
        for name, file in self.files.items():
            whole.update(f"{name}\0{file.etag}\0".encode())
        self.hash = whole.hexdigest()[:12]

    @classmethod
    def read(cls, root: Path) -> "StaticTree":
        """Read every file of a known type below `root`."""
        paths = (path for path in root.rglob("*") if path.is_file() and path.suffix in TYPES)
        return cls({path.relative_to(root).as_posix(): path.read_bytes() for path in paths})

    def url(self, name: str) -> str:
        """The address of a file. A name that does not exist is a defect of the page: KeyError."""
        self.files[name]
        return f"/static/{self.hash}/{name}"

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the tree, for GET and HEAD."""
        router.add_get("/static/{hash}/{name:.+}", self.serve, name="static")

    async def serve(self, request: web.Request) -> web.Response:
        """One file; another tree's hash is not found rather than answered with other content for a year."""
        file = self.files.get(request.match_info["name"])
        if file is None or request.match_info["hash"] != self.hash:
            raise web.HTTPNotFound
        headers = {hdrs.CONTENT_TYPE: file.type, hdrs.CACHE_CONTROL: FOREVER, hdrs.ETAG: f'"{file.etag}"'}
        if file.packed is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if f'"{file.etag}"' in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        if file.packed is not None and _takes_gzip(request):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=file.packed, headers=headers)
        return web.Response(body=file.plain, headers=headers)


def _file(name: str, plain: bytes) -> File:
    packed = gzip.compress(plain, 9, mtime=0) if len(plain) >= SMALLEST_WORTH_PACKING else plain
    return File(
        type=TYPES[Path(name).suffix],
        plain=plain,
        packed=packed if len(packed) < len(plain) else None,
        etag=hashlib.sha256(plain).hexdigest()[:16],
    )


def _takes_gzip(request: web.Request) -> bool:
    codings = request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(",")
    return any(coding.split(";")[0].strip() == "gzip" and "q=0" not in coding.replace("q=0.", "") for coding in codings)
