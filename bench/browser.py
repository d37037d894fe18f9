"""A Chromium without a window, which asks the network for nothing but the page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from nightshift.errors import UsageError

QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser() -> Iterator[Chrome]:
    """A browser with a fresh profile; what its console says is kept."""
    chromium, driver = _installed("chromium"), _installed("chromedriver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = chromium
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for option in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(option)
        started = Chrome(options, Service(driver))
        try:
            yield started
        finally:
            started.quit()


def look(driver: Chrome, *, width: int = 1240, height: int = 900, colours: str = "light") -> None:
    """How wide the page is seen, and in which colours."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wishes = {"prefers-color-scheme": colours, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _installed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise UsageError(
            f"there is no {program} on this machine",
            hint="apt-get install chromium chromium-driver",
        )
    return found
