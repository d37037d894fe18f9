"""Pictures of the page for docs/page.md, taken of a running service.

python -m bench.screenshots http://127.0.0.1:8080 --query "how is a virus passed on" --beside 8
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

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
VIEWS = {"light": (1240, "light"), "dark": (1240, "dark"), "phone": (390, "light")}
"""Name -> width and colours."""
PATIENCE = 60
COLOURS = 64


@contextmanager
def browser(width: int) -> Iterator[Chrome]:
    """A Chromium of its own, which asks the network for nothing but the page."""
    with tempfile.TemporaryDirectory() as profile:
        options = ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in [*QUIET, f"--user-data-dir={profile}", f"--window-size={width},900"]:
            options.add_argument(option)
        driver = Chrome(options, Service("/usr/bin/chromedriver"))
        try:
            yield driver
        finally:
            driver.quit()


def show(driver: Chrome, address: str, query: str, beside: int | None) -> None:
    """Open the page and search, so that every part has something to show."""
    driver.get(address)
    patience = WebDriverWait(driver, PATIENCE)
    patience.until(lambda seen: seen.find_elements(By.CSS_SELECTOR, "#experts [data-room] > *"))
    if beside is not None:
        Select(driver.find_element(By.NAME, "beside")).select_by_value(str(beside))
    Select(driver.find_element(By.NAME, "k")).select_by_value("5")
    field = driver.find_element(By.NAME, "query")
    field.send_keys(query + "\n")
    patience.until(lambda seen: seen.find_elements(By.CSS_SELECTOR, ".hits li"))
    driver.execute_script("arguments[0].blur()", field)


def photograph(address: str, out: Path, query: str, beside: int | None) -> None:
    """One PNG of the whole page a view."""
    for name, (width, colours) in VIEWS.items():
        with browser(width) as driver:
            feature = [{"name": "prefers-color-scheme", "value": colours}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            show(driver, address, query, beside)
            height = driver.execute_script("return document.documentElement.scrollHeight")
            metrics["height"] = height
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            shrunk(driver.get_screenshot_as_png()).save(out / f"page-{name}.png", optimize=True)


def shrunk(png: bytes) -> Image.Image:
    """The same picture in a palette: a third of the bytes."""
    return (
        Image.open(io.BytesIO(png))
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--query", required=True)
    parser.add_argument("--beside", type=int)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    given = parser.parse_args()
    photograph(given.address, given.out, given.query, given.beside)
