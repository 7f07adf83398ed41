"""What must hold for the dashboard of any proxy, the mock's and a real one's."""
import time

from selenium.webdriver.common.keys import Keys

from browser import resize, set_theme
from page import CONTRAST, expect, matches, number, quoted

# How long a value on the page may lag behind the proxy: a step, a poll and a bit.
LAG = 3


def values_are_those_of_the_api(page):
    page.open()
    time.sleep(6)
    before = page.api("servers")["servers"], time.monotonic()
    samples = []
    for _ in range(15):
        samples.append({name: page.api(name) for name in ("status", "servers", "pools")})
        time.sleep(0.2)
    shown = {name: page.figure(name) for name in ("rate", "hit", "p99", "errors", "up", "clients")}
    rows = page.rows()
    history = page.api("history")
    total = {name: values[-LAG:] for name, values in history["total"].items()}
    ratios = [h / (h + m) if h + m else None for h, m in zip(total["hits"], total["misses"])]
    for name, values in (("rate", total["requests"]), ("hit", ratios), ("p99", total["p99"]), ("errors", total["errors"])):
        expect(matches(shown[name], values), f"{name} shows {shown[name]!r}, the API has {values}")
    clients = [sample["status"]["clients"]["now"] for sample in samples]
    expect(matches(shown["clients"], clients), f"clients shows {shown['clients']!r}, the API has {clients}")
    last = samples[-1]["servers"]["servers"]
    up = sum(server["state"] == "up" for server in last)
    expect(shown["up"].replace("\u00a0", " ").split() == [str(up), "of", f"{len(last):,}"], f"servers up shows {shown['up']!r}")
    expect_rows(rows, samples, before)


def expect_rows(rows, samples, before):
    expect(rows, "there are no rows of servers")
    seconds = time.monotonic() - before[1]
    earlier = {server["name"]: server for server in before[0]}
    by_name = {}
    for sample in samples:
        for server in sample["servers"]["servers"]:
            by_name.setdefault(server["name"], []).append(server)
    for row in rows:
        own = by_name[row["id"]]
        newest = own[-1]
        expect(row["word"] in [one["state"] for one in own], f"{row['id']}: state {row['word']!r}")
        for column in ("p50", "p99", "p999"):
            values = [(one["latency"] or {}).get(column) for one in own]
            expect(matches(row[column], values), f"{row['id']}: {column} shows {row[column]!r}, the API has {values}")
        expect(matches(row["flight"], [one["in_flight"] for one in own]), f"{row['id']}: in flight shows {row['flight']!r}")
        expect(matches(row["share"], [one["share"]["traffic"] for one in own]), f"{row['id']}: share shows {row['share']!r}")
        expect(matches(row["ideal"], [newest["share"]["ideal"]]), f"{row['id']}: ideal shows {row['ideal']!r}")
        rate = (newest["requests"] - earlier[row["id"]]["requests"]) / seconds
        expect(matches(row["rate"], [rate], spare=0.35) or abs(number(row["rate"])[0] - rate) < 2, f"{row['id']}: {row['rate']!r}/s, by the API {rate:.1f}/s")
        hits, misses = (newest[name] - earlier[row["id"]][name] for name in ("hits", "misses"))
        if hits + misses > 200:
            shown = number(row["hit"])
            expect(shown is not None and abs(shown[0] - hits / (hits + misses)) < 0.03, f"{row['id']}: hit ratio {row['hit']!r}, by the API {hits / (hits + misses):.3f}")


def console_is_silent(page):
    page.open()
    time.sleep(3)
    page.find("#server-rows button").click()
    time.sleep(1.5)
    page.expect_clean()


def policy_is_strict_and_in_force(page):
    page.open()
    policy = page.get("/")[1]["Content-Security-Policy"] or ""
    for part in ("default-src 'none'", "style-src 'sha256-", "script-src 'sha256-", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        expect(part in policy, f"the policy lacks {part}: {policy}")
    expect("unsafe" not in policy, policy)
    foreign = page.js("return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith(location.origin + '/api/v1/') && !n.startsWith('data:'))")
    expect(not foreign, f"the page loads {foreign}")
    page.expect_clean()
    refused = page.js("""
      const violations = [];
      addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "window.wasRun = true";
      document.body.append(script);
      document.body.setAttribute("style", "color: red");
      const image = document.createElement("div");
      image.innerHTML = "<img src=x onerror='window.wasRun = true'>";
      return new Promise((done) => setTimeout(() => done([window.wasRun === true, violations]), 500));
    """)
    expect(not refused[0] and len(refused[1]) >= 2, f"the browser does not apply the policy: {refused}")
    page.console()


def texts_have_contrast(page):
    for dark in (False, True):
        theme = "dark" if dark else "light"
        page.open(dark=dark)
        page.wait(lambda: page.count("#shares li") > 0, "the ring's shares")
        page.expect_contrast(theme)
        page.find("#server-rows button").click()
        page.find("#lookup-key").send_keys("no key" + Keys.ENTER)
        page.wait(lambda: page.count(".fault") > 0, "the fault of a key with a space")
        page.expect_contrast(theme + ", a server is selected")
        resize(page.driver, 360, 800)
        time.sleep(0.5)
        page.expect_contrast(theme + ", a phone")
    # The measure itself must find a weak text.
    page.js("document.querySelector('#about').style.color = '#777'; document.querySelector('#about').style.background = '#888'")
    resize(page.driver, 1440, 1000)
    weak = page.js(CONTRAST)["found"]
    expect(any("version" in one for one in weak), "the measure does not find a grey text on grey")


def themes_differ(page):
    page.open(dark=False)
    light = page.js("return getComputedStyle(document.body).backgroundColor")
    set_theme(page.driver, True)
    dark = page.js("return getComputedStyle(document.body).backgroundColor")
    expect(light != dark and light.startswith("rgb(24") and dark.startswith("rgb(1"), f"{light} and {dark}")
    set_theme(page.driver, False)


def keys_reach_everything(page):
    page.open()
    page.wait(lambda: page.count("#hotkeys-note:not(:empty)") > 0, "the hot keys")
    page.js("document.activeElement.blur(); scrollTo(0, 0)")
    wanted = set(page.js("""
      return [...document.querySelectorAll("button, input, select, [tabindex='0']")].filter((node) =>
        node.tabIndex === 0 && node.checkVisibility() && !node.closest("[hidden]")).map((node, i) => (node.dataset.order = i, String(i)));
    """))
    reached, bare = set(), []
    for step in range(len(wanted) + 6):
        page.tab()
        seen = page.js("""
          const node = document.activeElement; const style = getComputedStyle(node);
          const box = node.getBoundingClientRect();
          return [node.dataset.order, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
            node.id || node.textContent.slice(0, 30), box.bottom > 0 && box.top < innerHeight];
        """)
        if step == 0:
            expect(seen[2].startswith("Skip"), f"Tab reaches first: {seen[2]}")
        if not seen[1] or not seen[3]:
            bare.append(seen[2])
        if seen[0] is not None:
            reached.add(seen[0])
        if wanted <= reached:
            break
    missed = page.js("return arguments[0].map((i) => document.querySelector(`[data-order='${i}']`)).map((n) => n && (n.id || n.textContent))", sorted(wanted - reached))
    expect(not missed, f"Tab does not reach {missed}")
    expect(not bare, f"the focus cannot be seen on {bare}")


def keys_sort_and_filter(page):
    page.open()
    names = [server["name"] for server in page.api("servers")["servers"]]
    page.js("document.querySelector('#server-head .rate button').focus()")
    page.press(Keys.ENTER)
    expect(page.js("return document.querySelector('#server-head .rate').ariaSort") == "descending", "Enter does not sort")
    rates = [number(row["rate"])[0] for row in page.rows() if number(row["rate"]) is not None]
    expect(all(a >= b * 0.99 for a, b in zip(rates, rates[1:])), f"not sorted by rate: {rates[:8]}")
    page.press(Keys.ENTER)
    expect(page.js("return document.querySelector('#server-head .rate').ariaSort") == "ascending", "Enter does not turn the order")
    page.js("document.querySelector('#server-head .name button').focus()")
    page.press(Keys.ENTER)
    page.js("document.querySelector('#filter').focus()")
    page.press(names[0])
    fitting = [name for name in names if names[0].lower() in name.lower()]
    page.wait(lambda: set(page.row_names()) <= set(fitting) and page.rows(), "the filtered rows")
    page.press(Keys.ARROW_DOWN)
    expect(page.focused() == "name", f"the arrow goes to {page.focused()}")
    page.press(Keys.ENTER)
    expect(page.rows()[0]["selected"], "Enter does not select the row")
    expect(page.text("#scope").startswith("server "), f"the charts show {page.text('#scope')}")
    chosen = next(row["id"] for row in page.rows() if row["selected"])
    steps = page.api("history?server=" + quoted(chosen))["servers"][chosen]["requests"]
    page.wait(lambda: matches(page.text("#chart-rate .legend .figure"), page.api("history?server=" + quoted(chosen))["servers"][chosen]["requests"][-LAG:]),
              f"the rate of the server, about {steps[-LAG:]}")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.text("#scope") == "all traffic", "all traffic after Escape")
    page.js("const f = document.querySelector('#filter'); f.focus(); f.select()")
    page.press(Keys.DELETE, Keys.ARROW_DOWN, Keys.END)
    time.sleep(1.2)
    expect(page.js("return document.activeElement.closest('tr')?.ariaRowIndex") == str(len(names) + 1), "End does not go to the last server")
    page.press(Keys.HOME)
    expect(page.js("return document.activeElement.closest('tr')?.ariaRowIndex") == "2", "Home does not go to the first server")
    page.js("document.querySelector('#chart-rate .chart').focus()")
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    said = page.js("return document.activeElement.ariaValueText")
    expect(":" in said and not said.startswith("now") and page.text("#moment").startswith("at "), f"the chart says {said!r}")


def pause_stops_the_polls(page):
    page.open()
    page.find("#pause").click()
    expect(page.text("#link-text").startswith("Paused at "), page.text("#link-text"))
    before = page.js("return performance.getEntriesByType('resource').length")
    time.sleep(2.5)
    after = page.js("return performance.getEntriesByType('resource').length")
    expect(after - before <= 4, f"{after - before} requests while paused")
    page.find("#pause").click()
    page.wait(lambda: page.text("#link-text") == "Live", "values after the pause")


def hidden_page_asks_nothing(page):
    page.open()
    asked = lambda: page.js("return performance.getEntriesByType('resource').length")
    set_window(page, "minimized")
    try:
        page.wait(lambda: page.js("return document.hidden"), "a hidden page")
        time.sleep(0.5)
        before = asked()
        time.sleep(3)
        expect(asked() == before, f"{asked() - before} requests while hidden")
    finally:
        set_window(page, "normal")
    page.wait(lambda: asked() > before + 4, "polls after the page is shown again")
    page.expect_clean()


def set_window(page, state):
    window = page.driver.execute_cdp_cmd("Browser.getWindowForTarget", {})["windowId"]
    page.driver.execute_cdp_cmd("Browser.setWindowBounds", {"windowId": window, "bounds": {"windowState": state}})


def phone_needs_no_sideways_scroll(page):
    for width in (360, 390, 768, 1024, 1280, 1920):
        page.open(width, 800)
        page.wait(lambda: page.count("#hotkeys-note:not(:empty)") > 0, "the hot keys")
        page.expect_no_sideways_scroll(width)
        page.expect_clean()


def controls_have_names(page):
    page.open()
    page.wait(lambda: page.count("#shares li") > 0, "the ring")
    page.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {}
    for node in nodes:
        if node.get("ignored"):
            continue
        role = node["role"]["value"]
        name = node.get("name", {}).get("value", "")
        roles.setdefault(role, []).append(name)
        if role in ("button", "textbox", "searchbox", "combobox", "slider", "table", "region", "image", "columnheader", "alert") and role != "alert":
            expect(name.strip(), f"a {role} has no name")
    for role, least in (("main", 1), ("banner", 1), ("table", 3), ("slider", 3), ("columnheader", 20), ("rowheader", 1), ("status", 1), ("searchbox", 1), ("heading", 9), ("list", 2)):
        expect(len(roles.get(role, [])) >= least, f"{len(roles.get(role, []))} of role {role}, expected {least}; there are {sorted(roles)}")
    levels = page.js("return [...document.querySelectorAll('h1,h2,h3')].map((h) => Number(h.tagName[1]))")
    expect(levels.count(1) == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), f"headings {levels}")
    expect(page.js("return document.documentElement.lang") == "en", "the page has no language")
    page.driver.execute_cdp_cmd("Accessibility.disable", {})


def states_have_words_and_signs(page):
    page.open()
    signs = {}
    for row in page.rows():
        expect(row["word"] and row["sign"], f"{row['id']} has no word or sign")
        signs.setdefault(row["word"], set()).add(row["sign"])
    expect(all(len(own) == 1 for own in signs.values()) and len(set.union(*signs.values())) == len(signs), f"{signs}")


def ring_is_that_of_the_api(page):
    page.open()
    page.wait(lambda: page.count("#ring .band path") > 0, "the ring")
    ring = page.api("ring")
    owners = {index for index in ring["slices"]}
    page.wait(lambda: page.count("#ring .band path") == len(owners), f"an arc for each of {len(owners)} owners")
    shares = page.js("return [...document.querySelectorAll('#shares li')].map((li) => [li.dataset.name, li.querySelector('.figure').textContent, li.querySelector('.sign').textContent])")
    expect(shares, "there are no shares")
    servers = {server["name"]: server for server in ring["servers"]}
    for name, figure, state in shares:
        expect(matches(figure.split(" of ")[1], [servers[name]["ideal"]]), f"{name}: {figure}")
        expect(state == servers[name]["state"], f"{name}: {state}")


def pools_are_those_of_the_api(page):
    page.open()
    pools = page.api("pools")["pools"]
    shown = page.js("return [...document.querySelectorAll('#pool-rows tr')].map((tr) => [...tr.children].map((td) => td.textContent))")
    expect([row[0] for row in shown] == [pool["name"] for pool in pools[:100]] or page.mock and page.mock.world.hostile, f"{shown}")
    for row, pool in zip(shown, pools):
        expect(row[1].replace("\u00a0", " ") == f"{pool['up']} of {len(pool['servers'])}", f"{row[0]}: {row[1]}")
    page.find("#pool-rows button").click()
    expect(page.text("#scope").startswith("pool "), page.text("#scope"))
    name = pools[0]["name"]
    page.wait(lambda: matches(page.text("#chart-rate .legend .figure"), page.api("history")["pools"][name]["requests"][-LAG:]), "the rate of the pool")


def route_is_that_of_the_api(page):
    page.open()
    for key in ("user:1", "a&b=c#d%", "ключ"):
        field = page.find("#lookup-key")
        field.clear()
        field.send_keys(key + Keys.ENTER)
        page.wait(lambda: page.text("#lookup-answer dd") == key or page.count("#lookup-answer .fault"), f"the route of {key}")
        route = page.api("route?key=" + quoted(key))
        shown = dict(page.js("return [...document.querySelectorAll('#lookup-answer dl > div')].map((d) => [d.children[0].textContent, d.children[1].textContent])"))
        server = shown.get("Server", shown.get("Server now"))
        expect(server == route["server"] or route["server"] is None and server.startswith("none"), f"{key}: {shown}, the API has {route}")
        expect(shown["Pool"].split(",")[0] == route["pool"], f"{shown}")
    page.find("#lookup-key").clear()
    page.find("#lookup-key").send_keys("two words" + Keys.ENTER)
    page.wait(lambda: page.count("#lookup-answer .fault") == 1, "the refusal of a key with a space")
    page.expect_clean()


def events_are_those_of_the_api(page):
    page.open()
    events = page.api("events")["events"][-200:]
    if not events:
        return
    page.wait(lambda: page.count("#events li") >= len(events), f"{len(events)} events")
    expect(page.text("#events li .text") == page.api("events")["events"][-1]["text"], page.text("#events li .text"))
    page.wait(lambda: page.text("#events-how") == "live", "the stream of events")


SHARED = [
    values_are_those_of_the_api, console_is_silent, policy_is_strict_and_in_force, texts_have_contrast, themes_differ, keys_reach_everything,
    keys_sort_and_filter, pause_stops_the_polls, hidden_page_asks_nothing, phone_needs_no_sideways_scroll, controls_have_names,
    states_have_words_and_signs, ring_is_that_of_the_api, pools_are_those_of_the_api, route_is_that_of_the_api, events_are_those_of_the_api,
]
