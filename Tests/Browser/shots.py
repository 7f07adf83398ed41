#!/usr/bin/env python3
"""Takes the pictures of the dashboard in docs, or in another folder: shots.py [--to FOLDER] [NAME...]"""
import argparse
import base64
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from browser import open_browser
from mock import ROOT, Mock
from world import World

# name: (world, width, height or None for the whole page, dark, scale, seconds of an outage before the picture)
SHOTS = {
    "dashboard-light": (lambda: World(6, 2), 1440, None, False, 1, 0),
    "dashboard-dark": (lambda: World(6, 2), 1440, None, True, 1, 0),
    "dashboard-phone": (lambda: World(6, 2), 390, 1900, False, 1.5, 0),
    "dashboard-outage": (lambda: World(6, 2), 1440, 900, False, 1, 9),
    "dashboard-60-servers": (lambda: World(60, 3), 1440, None, True, 1, 0),
}


# The page uses the system's font; a bare machine has none that a desktop would have.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<alias binding="strong"><family>system-ui</family><prefer><family>Inter</family></prefer></alias>
<alias binding="strong"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>"""


def picture(folder, name):
    make, width, height, dark, scale, outage = SHOTS[name]
    mock = Mock(make())
    fonts = tempfile.NamedTemporaryFile("w", suffix=".conf")
    fonts.write(FONTS)
    fonts.flush()
    driver = open_browser(width, height or 1000, dark, scale, {**os.environ, "FONTCONFIG_FILE": fonts.name})
    try:
        driver.get(mock.url)
        driver.find_element("id", "lookup-key").send_keys("user:1\n")
        driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(7)
        if outage:
            mock.stop()
            time.sleep(outage)
        if height is None:
            height = driver.execute_script("return document.documentElement.scrollHeight")
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
        mock.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs")
    parser.add_argument("names", nargs="*", default=list(SHOTS), metavar="NAME")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        picture(options.to, name)


if __name__ == "__main__":
    main()
