"""A headless Chromium, driven over two pipes: its DevTools protocol, without a library."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from parts import PATIENCE

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)
READS, WRITES = 3, 4  # the file descriptors that Chromium uses
Message = dict[str, Any]


class Chromium:
    """A browser with one page, while in the context."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("chromium")
        if program is None:
            pytest.skip("chromium is not installed: apt-get install chromium")
        theirs_in, self._commands = os.pipe()
        self._answers, theirs_out = os.pipe()
        # The shell gives the pipes the numbers that Chromium expects.
        line = f'exec "$0" "$@" {READS}<&{theirs_in} {WRITES}>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, program, *SWITCHES, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._received = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[Message] = []

    def __enter__(self) -> Self:
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._session = None
        with contextlib.suppress(OSError, EOFError):
            self.send("Browser.close")
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    # -- the protocol -------------------------------------------------------------------------------------------------

    def send(self, method: str, **parameters: Any) -> Message:
        """Sends a command and returns its result."""
        self._number += 1
        command: Message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        answer = self._next(lambda message: message.get("id") == self._number, method)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def wait_for(self, event: str) -> Message:
        """The parameters of the next event of this name."""
        return self._next(lambda message: message.get("method") == event, event)["params"]

    def _next(self, wanted: Callable[[Message], bool], what: str) -> Message:
        end = time.monotonic() + PATIENCE
        for message in self._messages(end):
            if "method" in message:
                self.events.append(message)
            if wanted(message):
                return message
        raise AssertionError(f"nothing came of {what}")

    def _messages(self, end: float) -> Iterator[Message]:
        while time.monotonic() < end:
            while b"\0" in self._received:
                first, _, self._received = self._received.partition(b"\0")
                yield json.loads(first)
            if select.select([self._answers], [], [], max(0, end - time.monotonic()))[0]:
                piece = os.read(self._answers, 1 << 20)
                if not piece:
                    raise EOFError("Chromium has ended")
                self._received += piece

    # -- the page -----------------------------------------------------------------------------------------------------

    def show(self, width: int, height: int, *, dark: bool = False, script: bool = True) -> None:
        """The size and the scheme of all pages from now on."""
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address: str) -> None:
        """Loads a page; forgets what was noticed before."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def paint(self) -> None:
        """Waits until what has changed is on the screen."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def requests(self) -> list[str]:
        """The addresses of all requests since `open`, whether or not the browser made them in the end."""
        return [event["params"]["request"]["url"] for event in self._noticed("Network.requestWillBeSent")]

    def complaints(self) -> list[Message]:
        """What is in the console since `open`: errors, warnings and violations of the policy."""
        names = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [event["params"] for name in names for event in self._noticed(name)]

    def _noticed(self, name: str) -> list[Message]:
        return [event for event in self.events if event["method"] == name]

    def said(self) -> list[tuple[str, str]]:
        """Role and name of everything in the accessibility tree that is not ignored, in the order of reading."""
        nodes = {node["nodeId"]: node for node in self.send("Accessibility.getFullAXTree")["nodes"]}
        left, found = [next(iter(nodes))], []
        while left:
            node = nodes[left.pop()]
            if not node["ignored"]:
                found.append((node["role"]["value"], str(node.get("name", {}).get("value", ""))))
            left += [child for child in reversed(node.get("childIds", ())) if child in nodes]
        return found

    def picture(self, file: Path) -> None:
        """Writes a PNG of the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))
