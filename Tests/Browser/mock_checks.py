"""What can only be checked with the mock: it loses its load, its servers, its stream and its process when a check wants it."""
import time

from selenium.webdriver.common.keys import Keys

from browser import resize
from page import expect, number
from world import World

# Milliseconds of script, layout and drawing that a poll may take with 1,000 servers.
MOST_OF_A_POLL = 200


def values_follow_the_load(page):
    page.open()
    expect(number(page.figure("rate"))[0] > 1000, page.figure("rate"))
    page.mock.world.stop_load()
    page.wait(lambda: page.figure("rate").startswith("0"), "a rate of zero", 5)
    page.wait(lambda: page.figure("hit").startswith("–") and page.figure("p99").startswith("–"), "no hit ratio and no latency", 5)
    page.wait(lambda: all(row["rate"] == "0" and row["p99"] == "–" for row in page.rows()), "rows without load", 10)
    page.wait(lambda: page.text("#chart-rate .legend .figure") == "0/s", "a chart at zero", 5)
    page.expect_clean()


def ejected_server_is_said_everywhere(page):
    page.open()
    page.wait(lambda: page.count("#ring .band path") > 0, "the ring")
    server = next(one for one in page.mock.world.pools[0].servers if one.is_in_ring(int(time.time())))
    page.mock.world.eject(server.name, "connection refused")
    page.wait(lambda: server.name in page.text("#attention-list"), "the server under attention", 4)
    page.wait(lambda: next(row for row in page.rows() if row["id"] == server.name)["word"] == "ejected", "the state in the table", 4)
    page.wait(lambda: "connection refused" in page.text("#events li"), "the event with its reason", 3)
    page.wait(lambda: server.name in page.text("#announce"), "the words for screen readers", 3)
    page.wait(lambda: page.js("return document.title").startswith("("), "the number in the title", 3)
    index = page.mock.world.pools[0].servers.index(server)
    page.wait(lambda: page.count(f"#ring .band path[data-index='{index}']") == 0, "a ring without the server", 4)
    button = page.js("return [...document.querySelectorAll('#attention-list button')].find((b) => b.dataset.server === arguments[0])", server.name)
    button.click()
    expect(any(row["selected"] and row["id"] == server.name for row in page.rows()), "Show server does not select it")
    page.expect_clean()


def events_arrive_over_the_stream(page):
    page.open()
    page.wait(lambda: page.text("#events-how") == "live" and page.mock.streams == 1, "the stream")
    for _ in range(3):
        page.mock.world.event("warning", "something happened", {"reason": "a test"})
        number_of_it = page.mock.world.sequence
        page.wait(lambda: page.count("#events li") >= number_of_it, "an event over the stream", 0.8)
    page.mock.asked.clear()
    time.sleep(2.5)
    expect("/api/v1/events" not in [path for _, path in page.mock.asked], "the page asks for events beside the stream")


def events_arrive_without_a_stream(page):
    page.mock.has_stream = False
    page.open()
    page.wait(lambda: page.text("#events-how") == "asked every second", "the other way", 8)
    page.mock.world.event("warning", "something else happened", {"reason": "a test"})
    page.wait(lambda: page.text("#events li .text") == "something else happened", "the event", 3)
    page.console()


def silent_proxy_is_said(page):
    page.open()
    time.sleep(1.5)
    rate = page.figure("rate")
    silence, error = "The proxy does not answer", "The proxy answers with an error"
    for mode, words, seconds in (("stop", silence + ": no connection.", 4), ("error", error + ": out of order.", 4), ("hang", silence + ": no answer within 5 s.", 9)):
        if mode == "stop":
            page.mock.stop()
        else:
            page.mock.mode = mode
        page.wait(lambda: words in (page.text("#outage-what") or ""), f"the words {words!r}", seconds)
        expect(page.find("#outage").is_displayed() and page.text("#link-text") == "No answer", page.text("#link-text"))
        expect(page.js("return document.body.classList.contains('stale')"), "the values are not greyed")
        expect(number(page.figure("rate")) is not None, f"the last values are gone: {page.figure('rate')!r}")
        expect(page.text("#alarm") == words.split(":")[0], "screen readers are not told")
        first = page.text("#outage-since")
        page.wait(lambda: page.text("#outage-since") != first, "a growing age", 3)
        expect(" old, from " in first, first)
        page.expect_contrast(f"no answer ({mode})")
        if mode == "stop":
            page.mock.start()
        page.mock.mode = "answer"
        page.wait(lambda: page.text("#link-text") == "Live" and not page.find("#outage").is_displayed(), "values again", 8)
        page.wait(lambda: page.text("#events-how") == "live", "the stream again", 5)
        # Refused connections are on the console, as the browser's own words.
        page.console()
    expect(rate, "no rate")
    time.sleep(1)
    page.mock.api.answer = lambda path, query: []
    page.wait(lambda: "in a form that this page does not know" in page.text("#outage-what"), "words about a strange answer", 4)
    del page.mock.api.answer
    page.wait(lambda: page.text("#link-text") == "Live", "values again", 8)
    page.expect_clean()


def silent_proxy_is_said_in_the_dark_and_on_a_phone(page):
    page.open(360, 800, dark=True)
    page.mock.stop()
    page.wait(lambda: page.find("#outage").is_displayed(), "the words", 4)
    page.expect_contrast("dark, no answer, a phone")
    page.expect_no_sideways_scroll(360)
    page.mock.start()
    page.wait(lambda: page.text("#link-text") == "Live", "values again", 6)
    page.console()


def restarted_proxy_begins_again(page):
    page.open()
    time.sleep(2)
    old = page.mock.world
    new = World(len(old.servers), len(old.pools), incident=False)
    new.started = time.time()
    for part in [*new.servers, *new.pools]:
        for name in part.counters:
            part.counters[name] = 0
    new.events.clear()
    new.sequence = 0
    new.event("info", "listening", {})
    page.mock.api.world = page.mock.world = new
    page.wait(lambda: page.count("#events li") == 1, "the new events alone", 6)
    page.wait(lambda: (number(page.figure("uptime")) or [999])[0] < 60, "the new uptime", 4)
    page.wait(lambda: all(number(row["rate"]) is not None for row in page.rows()), "rates", 6)
    page.expect_clean()


def removed_server_leaves_the_page(page):
    page.open()
    page.wait(lambda: page.count("#ring .band path") > 0, "the ring")
    name = page.rows()[-1]["id"]
    page.find("#server-rows tr:nth-last-child(2) button").click()
    page.wait(lambda: page.text("#scope") == "server " + name and page.text("#chart-rate .legend .figure") != "–/s", "the server's charts")
    with page.mock.api.lock:
        page.mock.world.remove(name)
    page.wait(lambda: page.text("#scope") == "all traffic", "all traffic", 4)
    page.wait(lambda: name not in page.row_names(), "a table without the server", 4)
    page.wait(lambda: name not in page.text("#shares"), "shares without the server", 4)
    expect(page.text("#link-text") == "Live", page.text("#outage"))
    # The browser says that the first question about the server was refused.
    page.console()
    time.sleep(1.5)
    page.expect_clean()


def calm_is_said(page):
    page.open()
    expect(page.text("#attention-title") == "Nothing needs attention" and page.count("#attention-list li") == 0, page.text("#attention"))
    expect(page.js("return document.title") == "ringroad", "the title")


def sixty_servers_can_be_read(page):
    page.open()
    expect(page.js("return document.querySelector('#servers').ariaRowCount") == "61", "the number of rows")
    states = [row["word"] for row in page.rows()]
    expect(states[:3] == ["ejected", "marked down", "joining"], f"what is out is not first: {states[:4]}")
    seen = set(page.row_names())
    for _ in range(8):
        page.js("const s = document.querySelector('#scroller'); s.scrollTop += s.clientHeight - 40")
        time.sleep(0.1)
        seen.update(page.row_names())
    expect(len(seen) == 60, f"scrolling shows {len(seen)} of 60 servers")
    for width in (360, 720, 860, 1000, 1100, 1366, 1400, 1440, 1920):
        resize(page.driver, width, 1000)
        time.sleep(0.3)
        cut = page.js("""
          return [...document.querySelectorAll("#server-rows td:not(.name, .state), #server-head th")]
            .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent);
        """)
        expect(not cut, f"numbers are cut off at {width} px: {cut[:5]}")
    resize(page.driver, 1440, 1000)
    page.find("#states button:last-child").click()
    expect(len(page.rows()) == 3, f"{len(page.rows())} servers are not up")


def thousand_servers_can_be_used(page):
    page.open()
    expect(page.js("return document.querySelector('#servers').ariaRowCount") == "1001", "the number of rows")
    expect(page.count("#server-rows tr") < 60, f"{page.count('#server-rows tr')} rows in the document")
    page.js("document.querySelector('#filter').focus()")
    page.press(Keys.ARROW_DOWN, Keys.END)
    last = page.js("return document.activeElement.closest('tr')?.ariaRowIndex")
    expect(last == "1001", f"End goes to row {last}")
    time.sleep(2.2)
    expect(page.js("return document.activeElement.closest('tr')?.ariaRowIndex") == "1001", "the focus is lost with a poll")
    page.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "timeTicks"})
    before = metrics(page)
    time.sleep(6)
    after = metrics(page)
    polls = after["polls"] - before["polls"]
    expect(polls >= 2, f"{polls} polls in 6 s")
    cost = (after["TaskDuration"] - before["TaskDuration"]) / polls * 1000
    expect(cost < MOST_OF_A_POLL, f"a poll takes {cost:.0f} ms")
    page.driver.execute_cdp_cmd("Performance.disable", {})
    page.js("document.querySelector('#filter').focus()")
    page.press("10.0.4.250")
    page.wait(lambda: page.row_names() == ["10.0.4.250:11211"], "the filtered server", 3)
    page.expect_clean()
    return f"a poll takes {cost:.0f} ms of the page's time"


def metrics(page):
    found = {one["name"]: one["value"] for one in page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    found["polls"] = sum(path == "/api/v1/status" for _, path in page.mock.asked)
    return found


def hostile_names_do_no_harm(page):
    page.open()
    page.wait(lambda: page.count("#hotkeys-note:not(:empty)") > 0 and page.count("#events li") > 0, "all of the page")
    for row in page.rows():
        page.js("document.querySelectorAll('#server-rows tr[data-name] button')[arguments[0]].click()", 0)
        break
    time.sleep(1.5)
    for name in [row["id"] for row in page.rows()]:
        page.js("[...document.querySelectorAll('#server-rows tr')].find((r) => r.dataset.name === arguments[0]).click()", name)
        time.sleep(0.15)
    page.js("document.querySelector('#pool-rows button').click()")
    page.js("document.querySelectorAll('#hotkey-rows button').forEach((b) => b.click())")
    time.sleep(2)
    expect(page.count("img, iframe, object, embed, b, [onerror], [onload]") == 0, "a name became an element")
    expect(page.count("script") == 1, "a name became a script")
    expect(page.js("return document.title").endswith("ringroad"), page.js("return document.title"))
    names = page.js("return [...document.querySelectorAll('#server-rows button')].map((b) => b.textContent)")
    expect("<img src=x onerror=alert(1)>" in names and "__proto__" in names, f"{names}")
    expect("\\u202egnirts\\u202c:11211" in names and "tab\\u0009and\\u000aline" in names, f"{names}")
    raw = page.js("return document.body.innerText")
    expect("\u202e" not in raw, "a name turns the direction of writing")
    page.expect_clean()
    for width in (360, 1440):
        resize(page.driver, width, 900)
        time.sleep(1.2)
        page.expect_no_sideways_scroll(width)
    expect_no_dialog(page)


def expect_no_dialog(page):
    from selenium.common.exceptions import NoAlertPresentException
    try:
        page.driver.switch_to.alert
    except NoAlertPresentException:
        return
    expect(False, "a name opened a dialog")


# Each with the world that it is for.
MOCK_ONLY = [
    (values_follow_the_load, lambda: World(6, 2)),
    (ejected_server_is_said_everywhere, lambda: World(6, 1, incident=False)),
    (events_arrive_over_the_stream, lambda: World(6)),
    (events_arrive_without_a_stream, lambda: World(6)),
    (silent_proxy_is_said, lambda: World(6, 2)),
    (silent_proxy_is_said_in_the_dark_and_on_a_phone, lambda: World(6, 2)),
    (restarted_proxy_begins_again, lambda: World(6, 2)),
    (removed_server_leaves_the_page, lambda: World(6, 1, incident=False)),
    (calm_is_said, lambda: World(3, 1, incident=False)),
    (sixty_servers_can_be_read, lambda: World(60, 1)),
    (thousand_servers_can_be_used, lambda: World(1000, 1)),
    (hostile_names_do_no_harm, lambda: World(12, 2, hostile=True)),
]
