"""A page in headless Chromium, driven by its debugging protocol: what it logs, what it asks the network for, what keys do."""

import asyncio
import itertools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

_STARTED = re.compile(r"DevTools listening on (ws://\S+)")


class Page:
    """A tab; ``told``: whatever was logged at error or warning level, or thrown; ``requests``: the addresses asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str):
        self.socket, self.session, self.numbers = socket, session, itertools.count(1)
        self.told: list[str] = []
        self.requests: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters, "sessionId": self.session})
        while True:
            message = await self.socket.receive_json(timeout=60)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._hear(message)

    async def settle(self, seconds: float) -> None:
        """Let it run, and hear what it says."""
        await asyncio.sleep(seconds)
        await self.send("Runtime.evaluate", expression="0")

    async def value(self, expression: str) -> Any:
        found = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def key(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        code = {"ArrowRight": 39, "ArrowLeft": 37, "Tab": 9}.get(key, ord(key[0]))
        for kind in ("keyDown", "keyUp"):
            parameters = {"key": key, "code": key, "windowsVirtualKeyCode": code} | (text if kind == "keyDown" else {})
            await self.send("Input.dispatchKeyEvent", type=kind, **parameters)

    def _hear(self, message: dict[str, Any]) -> None:
        said = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
                self.told.append(json.dumps(said["args"]))
            case "Runtime.exceptionThrown":
                self.told.append(json.dumps(said["exceptionDetails"]))
            case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
                self.told.append(said["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])


def visit(chromium: str, file: Path, width: int, profile: Path, work: Callable) -> Any:
    """Open ``file`` in a tab of this ``width`` and do the ``work(page)``, a coroutine; its result."""
    command = [
        chromium,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = next(found[1] for line in process.stderr if (found := _STARTED.search(line)))
            return asyncio.run(_visit(address, file, width, work))
        finally:
            process.kill()


async def _visit(address: str, file: Path, width: int, work: Callable) -> Any:
    async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
        await socket.send_json({"id": 0, "method": "Target.createTarget", "params": {"url": "about:blank"}})
        target = (await _answer(socket, 0))["targetId"]
        await socket.send_json({"id": 0, "method": "Target.attachToTarget", "params": {"targetId": target, "flatten": True}})
        page = Page(socket, (await _answer(socket, 0))["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        await page.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        await page.send("Page.navigate", url=file.resolve().as_uri())
        for _ in range(100):
            await page.settle(0.1)
            if await page.value("document.readyState") == "complete" and await page.value("document.title"):
                break
        await page.settle(0.5)
        return await work(page)


async def _answer(socket: aiohttp.ClientWebSocketResponse, number: int) -> dict[str, Any]:
    while True:
        message = await socket.receive_json(timeout=60)
        if message.get("id") == number:
            return message["result"]
