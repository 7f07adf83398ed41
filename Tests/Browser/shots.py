#!/usr/bin/env python3
"""Takes the pictures of the dashboard in docs, or in another folder: shots.py [--to FOLDER] [--minutes 9] [NAME...]

All but one are of a real proxy, which has to run for some minutes to have something to show.
"""
import argparse
import base64
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from browser import open_browser
from mock import ROOT, Mock
from scene import Scene
from world import World

# name: (width, height in pixels or to the end of an element, dark, scale)
REAL_SHOTS = {
    "dashboard-light": (1440, "#charts", False, 1),
    "dashboard-dark": (1440, "#main", True, 1),
    "dashboard-phone": (390, 1900, False, 1.5),
}
OUTAGE = ("dashboard-outage", (1440, "#charts", False, 1))
MOCK_SHOTS = {"dashboard-60-servers": (1440, "#main", True, 1)}
STOPPED = "127.0.1.3:11211"


# The page uses the system's font; a bare machine has none that a desktop would have.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<alias binding="strong"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias binding="strong"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>"""


def picture(folder, name, url, width, height, dark, scale):
    fonts = tempfile.NamedTemporaryFile("w", suffix=".conf")
    fonts.write(FONTS)
    fonts.flush()
    driver = open_browser(width, 1000, dark, scale, {**os.environ, "FONTCONFIG_FILE": fonts.name})
    try:
        driver.get(url)
        driver.find_element("id", "lookup-key").send_keys("user:1\n")
        driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(7)
        if isinstance(height, str):
            height = 8 + driver.execute_script("return Math.round(scrollY + document.querySelector(arguments[0]).getBoundingClientRect().bottom)", height)
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
        })
        path = folder / f"{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        # Fewer colours, a third of the size; without the program the picture is only larger.
        if shutil.which("pngquant"):
            subprocess.run(["pngquant", "--force", "--skip-if-larger", "--output", path, "256", path], check=False)
        print(path, path.stat().st_size)
    finally:
        driver.quit()


def real_pictures(folder, names, minutes):
    scene = Scene()
    try:
        # Two outages: one that is over, and one for its picture.
        time.sleep(minutes * 30)
        scene.signal(STOPPED, signal.SIGSTOP)
        time.sleep(40)
        scene.signal(STOPPED, signal.SIGCONT)
        time.sleep(max(0, minutes * 30 - 40))
        for name in names:
            if name in REAL_SHOTS:
                picture(folder, name, scene.url, *REAL_SHOTS[name])
        if OUTAGE[0] in names:
            scene.signal(STOPPED, signal.SIGSTOP)
            time.sleep(12)
            picture(folder, OUTAGE[0], scene.url, *OUTAGE[1])
    finally:
        scene.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs")
    parser.add_argument("--minutes", type=float, default=9, help="how long the real proxy runs before its pictures")
    parser.add_argument("names", nargs="*", default=[*REAL_SHOTS, OUTAGE[0], *MOCK_SHOTS], metavar="NAME")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        if name in MOCK_SHOTS:
            mock = Mock(World(60, 3))
            picture(options.to, name, mock.url, *MOCK_SHOTS[name])
            mock.stop()
    if set(options.names) - set(MOCK_SHOTS):
        real_pictures(options.to, options.names, options.minutes)


if __name__ == "__main__":
    main()
