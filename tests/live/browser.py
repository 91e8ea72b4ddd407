"""A real browser without a screen, driven through chromedriver by plain HTTP (W3C WebDriver)."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("chromium", "chromedriver")

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}
"""WebDriver's names of keys that are no characters (section 17.4.2 of the recommendation)."""

_STARTED = re.compile(r"started successfully on port (\d+)")
_open = build_opener(ProxyHandler({})).open  # never through a proxy: it is this machine


def missing():
    """The programs of those needed that are not here."""
    return [name for name in NEEDED if shutil.which(name) is None]


class Browser:
    """One browser window; ``with`` closes it and ends what was started for it.

    ``width``, ``height`` are in CSS pixels; ``phone`` makes a touch screen of them, with two dots a pixel.
    """

    def __init__(self, folder: Path, *, width: int = 1440, height: int = 900, phone: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder), "HOME": str(folder)},
        )
        self.base = ""
        for line in self._driver.stdout:
            if found := _STARTED.search(line):
                self.base = f"http://127.0.0.1:{found[1]}"
                break
        # What the browser complains of later goes nowhere: a full pipe would stop it.
        threading.Thread(target=self._driver.stdout.read, daemon=True).start()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        options: dict[str, Any] = {"args": [*flags, f"--window-size={width},{height}", f"--user-data-dir={folder}/p"]}
        if phone:
            metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        try:
            made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self._end()
            raise
        self.base += f"/session/{made['sessionId']}"
        if not phone:
            self.cdp(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._ask("DELETE", "")
        finally:
            self._end()

    def _end(self):
        os.killpg(self._driver.pid, signal.SIGKILL)
        self._driver.wait()
        self._driver.stdout.close()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.base + path, data=data, method=method, headers={"Content-Type": "application/json"})  # noqa: S310
        try:
            with _open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            with error:
                raise RuntimeError(json.load(error)["value"]["message"]) from None

    def show(self, page: Path, fragment: str = "") -> None:
        """Open a file, anew."""
        self._ask("POST", "/url", {"url": "about:blank"})
        self._ask("POST", "/url", {"url": page.as_uri() + fragment})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function's body in the page; what it returns comes back, promises awaited."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        strokes = []
        for key in (KEYS.get(key, key) for key in keys):
            strokes += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def click(self, selector: str) -> None:
        """Click the first element that fits, as a hand would: it must be in sight."""
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{next(iter(found.values()))}/click", {})

    def cdp(self, command: str, **params: Any) -> Any:
        """Give a command of Chromium's own protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def dark(self, *, on: bool) -> None:
        """Prefer a dark screen, or a light one."""
        preferred = [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]
        self.cdp("Emulation.setEmulatedMedia", features=preferred)

    def picture(self) -> bytes:
        """Return what is in sight as a PNG."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def paper(self) -> bytes:
        """Return the page as a PDF on A4."""
        sheet = {"page": {"width": 21.0, "height": 29.7}, "background": False}
        return base64.b64decode(self._ask("POST", "/print", sheet))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Take what has been logged since the last call: ``browser`` or ``performance``."""
        return self._ask("POST", "/se/log", {"type": kind})
