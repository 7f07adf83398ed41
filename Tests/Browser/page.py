"""The dashboard in a browser, as the checks see it."""
import json
import pathlib
import re
import time
import urllib.error
import urllib.parse
import urllib.request

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import resize, set_theme

CONTRAST = (pathlib.Path(__file__).resolve().parent / "contrast.js").read_text(encoding="utf-8")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
UNITS = {"k": 1e3, "M": 1e6, "%": 0.01, "µs": 1e-6, "ms": 1e-3, "s": 1, "": 1}


class Failure(Exception):
    """What a check found."""


def expect(condition, what):
    if not condition:
        raise Failure(what)


def number(text):
    """The value of a text such as "48.2 k/s", and how far rounding may have moved it; None for "–"."""
    match = re.match(r"^(<?)([\d.,]+)\s*(k|M|%|µs|ms|s)?", text.replace("\u00a0", " ").strip())
    if match is None:
        return None
    digits = match[2].replace(",", "")
    unit = UNITS[match[3] or ""]
    decimals = len(digits.split(".")[1]) if "." in digits else 0
    return float(digits) * unit, (1 if match[1] else 0.51) * 10**-decimals * unit


def matches(text, values, spare=0.0):
    """Whether a text shows one of these values."""
    shown = number(text)
    if shown is None:
        return any(value is None for value in values)
    value, rounding = shown
    return any(one is not None and abs(one - value) <= rounding + spare * abs(one) + 1e-12 for one in values)


class Page:
    def __init__(self, driver, url, mock=None):
        self.driver = driver
        self.url = url.rstrip("/")
        self.mock = mock

    # Asking the proxy

    def get(self, path):
        with OPENER.open(self.url + path, timeout=10) as reply:
            return reply.read(), reply.headers

    def api(self, path):
        return json.loads(self.get("/api/v1/" + path)[0])

    # The browser

    def open(self, width=1440, height=1000, dark=False):
        resize(self.driver, width, height)
        set_theme(self.driver, dark)
        self.driver.get_log("browser")
        self.driver.get(self.url + "/")
        self.wait(lambda: self.text("#link-text") == "Live" and self.rows(), "the first values")

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        return self.js("const e = document.querySelector(arguments[0]); return e === null ? null : e.textContent", selector)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def count(self, selector):
        return self.js("return document.querySelectorAll(arguments[0]).length", selector)

    def figure(self, name):
        return self.js("return [...document.getElementById('figure-' + arguments[0]).children].map((e) => e.textContent).join(' ')", name)

    def rows(self):
        """The rows of servers that are in the document: a dictionary of texts for each."""
        return self.js("""
          const pick = (cell) => cell.className.split(" ")[0];
          return [...document.querySelectorAll("#server-rows tr[data-name]")].map((row) => Object.fromEntries([
            ["id", row.dataset.name], ["selected", row.classList.contains("selected")],
            ["word", row.children[1].children[1].textContent], ["sign", row.children[1].querySelector("use").getAttribute("href")],
            ...[...row.children].map((cell) => [pick(cell), cell.innerText])]));
        """)

    def row_names(self):
        return [row["id"] for row in self.rows()]

    def focused(self):
        return self.js("const e = document.activeElement; return e.id || e.className.baseVal || e.className || e.tagName")

    def press(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab(self):
        self.press(Keys.TAB)

    def wait(self, condition, what, seconds=10):
        end = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except StaleElementReferenceException:
                pass
            if time.monotonic() > end:
                raise Failure(f"no sign of {what} within {seconds} s")
            time.sleep(0.05)

    # What must hold at any time

    def console(self):
        """Errors on the console since the last look, refused styles and scripts among them."""
        found = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return found

    def expect_clean(self):
        found = self.console()
        expect(not found, f"on the console: {found[:3]}")
        text = self.js("return document.body.innerText")
        for word in ("NaN", "undefined", "Infinity", "[object", "null"):
            expect(word not in text, f"the page says {word}: {text[max(0, text.find(word) - 60):][:120]!r}")

    def expect_contrast(self, what):
        answer = self.js(CONTRAST)
        expect(answer["measured"] > 40, f"{what}: only {answer['measured']} texts were measured")
        found = sorted(set(answer["found"]))
        expect(not found, f"{what}: {len(found)} below AA: {found[:6]}")

    def expect_no_sideways_scroll(self, width):
        wide = self.js("""
          const width = arguments[0];
          const isInside = (node) => { for (let at = node.parentElement; at; at = at.parentElement) {
            if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(at).overflowX)) return true; } return false; };
          return [document.documentElement.scrollWidth, [...document.body.querySelectorAll("*")].filter((node) => {
            const box = node.getBoundingClientRect();
            return box.width > 0 && box.right > width + 1 && !isInside(node) && !node.closest(".symbols, .hidden, .skip");
          }).map((node) => node.tagName + "." + (node.className.baseVal ?? node.className)).slice(0, 5)];
        """, width)
        expect(wide[0] <= width and not wide[1], f"{wide[0]} px wide at {width}: {wide[1]}")
        boxes = self.js("return [...document.querySelectorAll('.scroller, .sideways')].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.id)")
        expect(not boxes, f"at {width} px these scroll sideways: {boxes}")


def quoted(text):
    return urllib.parse.quote(text, safe="")
