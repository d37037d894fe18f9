"""Pictures of the page for docs/page.md, taken of a running service.

python -m bench.screenshots http://127.0.0.1:8080 --query "how is a virus passed on" --beside 8
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from bench.browser import browser, look

VIEWS = {"light": (1240, "light"), "dark": (1240, "dark"), "phone": (390, "light")}
"""Name -> width and colours."""
PATIENCE = 60
COLOURS = 96


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
        with browser() as driver:
            look(driver, width=width, colours=colours)
            show(driver, address, query, beside)
            height = driver.execute_script("return document.documentElement.scrollHeight")
            look(driver, width=width, height=height, colours=colours)
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
