"""The static tree: right types, forever cached, never another tree's file."""

import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from server.pages.files import StaticTree

SHEET = b"/* a sheet */ body { margin: 0; }\n" * 20
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def tree() -> StaticTree:
    return StaticTree({"css/base.css": SHEET, "js/net.js": b"export {};\n", "icons.svg": b"<svg/>"})


@pytest.fixture
async def client(tree: StaticTree) -> AsyncIterator[Client]:
    app = web.Application()
    tree.add_routes(app.router)
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_a_file_is_served_with_its_type_and_forever(tree: StaticTree, client: Client) -> None:
    for name, kind in (("css/base.css", "text/css"), ("js/net.js", "text/javascript"), ("icons.svg", "image/svg+xml")):
        async with client.get(tree.url(name)) as response:
            assert response.status == 200
            assert response.content_type == kind
            assert "immutable" in response.headers["Cache-Control"]


async def test_a_browser_that_takes_gzip_gets_gzip(tree: StaticTree, client: Client) -> None:
    async with client.get(tree.url("css/base.css"), headers={"Accept-Encoding": "br, gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await response.read()) == SHEET
    async with client.get(tree.url("css/base.css"), headers={"Accept-Encoding": "gzip;q=0"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.read() == SHEET
        assert response.headers["Vary"] == "Accept-Encoding"


async def test_a_file_that_has_not_changed_is_not_sent_again(tree: StaticTree, client: Client) -> None:
    async with client.get(tree.url("css/base.css")) as response:
        etag = response.headers["ETag"]
    async with client.get(tree.url("css/base.css"), headers={"If-None-Match": etag}) as response:
        assert response.status == 304


async def test_another_tree_and_unknown_names_are_not_found(tree: StaticTree, client: Client) -> None:
    for path in ("/static/000000000000/css/base.css", f"/static/{tree.hash}/css/other.css", f"/static/{tree.hash}/"):
        async with client.get(path) as response:
            assert response.status == 404


def test_the_hash_follows_content_and_names() -> None:
    first = StaticTree({"a.css": b"1", "b.css": b"2"})
    assert first.hash == StaticTree({"b.css": b"2", "a.css": b"1"}).hash
    assert first.hash != StaticTree({"a.css": b"1", "b.css": b"3"}).hash
    assert first.hash != StaticTree({"a.css": b"1", "c.css": b"2"}).hash


def test_a_page_cannot_name_a_file_that_does_not_exist(tree: StaticTree) -> None:
    with pytest.raises(KeyError):
        tree.url("css/missing.css")
