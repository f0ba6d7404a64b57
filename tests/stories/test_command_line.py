"""The command line as an operator meets it: processes of their own, beside each other."""

import asyncio
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.stories.process import command, served

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]  # many starts, on a machine that may be busy

ID = r"[a-z2-9]{20}"


async def test_from_an_empty_folder_to_a_served_clinic_and_back(tmp_path: Path) -> None:
    code, link, err = await command(
        tmp_path, "init", "--clinic", "Harbour Clinic", "--timezone", "Europe/London", "--admin", "a@example.org"
    )
    assert (code, err) == (0, "")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/sign-in\?invitation=[a-z2-9]{40}\n", link)
    assert (tmp_path / "holdfast.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "holdfast.db").stat().st_mode & 0o777 == 0o600

    async with served(tmp_path, prot="8081") as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        assert server.lines == []
        assert "HOLDFAST_PROT" in server.said  # a misspelt setting is named
        async with ClientSession(server.url) as client:
            async with client.get("/api/v1/clinic") as answer:
                assert (answer.status, (await answer.json())["name"]) == (200, "Harbour Clinic")

            code, out, err = await command(tmp_path, "key", "create", "--scope", "staff")
            assert (code, err) == (0, "")
            made = re.fullmatch(rf"id ({ID})\nkey (\S+)\n", out)
            assert made, out
            key_id, key = made.groups()

            async def asked() -> int:
                headers = {"Authorization": f"Bearer {key}"}
                async with client.get("/api/v1/appointments", headers=headers) as answer:
                    await answer.read()
                    return answer.status

            assert await asked() == 200
            assert key not in (tmp_path / "holdfast.db").read_bytes().decode("latin-1")
            code, out, _ = await command(tmp_path, "key", "revoke", key_id)
            assert code == 0
            assert await asked() == 401
            code, out, _ = await command(tmp_path, "key", "list")
            assert code == 0
            listed = re.fullmatch(rf"{key_id} staff revoked (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n", out)
            assert listed, out
            assert datetime.now(UTC) - datetime.fromisoformat(listed[1]) < timedelta(minutes=5)

            other_way = f"{tmp_path}/../{tmp_path.name}/./holdfast.db"
            port = server.url.rpartition(":")[2]  # the commonest way to start it twice
            code, out, err = await command(tmp_path, "serve", database=other_way, port=port)
            assert (code, out) == (1, "")
            assert len(err.splitlines()) == 1
            assert str(server.process.pid) in err

            async with client.ws_connect("/live") as live:
                async with asyncio.timeout(10):
                    assert await server.end(signal.SIGTERM) == 0
                assert (await live.receive()).data == 1012
        assert "Traceback" not in server.said
