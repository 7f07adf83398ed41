"""What must hold for the dashboard of a real proxy while its load, its servers, its configuration and its process change."""
import json
import time
import urllib.request

from selenium.webdriver.common.keys import Keys

from page import expect, matches, number, quoted

# A figure on the page is of the newest second or of the one before it.
STEPS_BEHIND = 1
FIGURES = """
  const text = (id) => [...document.getElementById("figure-" + id).children].map((e) => e.textContent).join(" ");
  return { rate: text("rate"), hit: text("hit"), p99: text("p99"), errors: text("errors"), clients: text("clients"),
    rows: Object.fromEntries([...document.querySelectorAll("#server-rows tr[data-name]")].map((row) => [row.dataset.name,
      { rate: row.querySelector(".rate").innerText, p99: row.querySelector(".p99").innerText }])),
    pools: Object.fromEntries([...document.querySelectorAll("#pool-rows tr")].map((row) => [row.firstChild.innerText,
      row.querySelector(".rate").innerText])) };
"""


def mean(values):
    return sum(values) / len(values) if values else 0


def ratio(hits, misses):
    return hits / (hits + misses) if hits + misses else None


def step_of(shown, total, last):
    """The newest step with exactly these figures, or None."""
    for back in range(4):
        i = len(total["requests"]) - 1 - back
        values = {
            "rate": total["requests"][i], "hit": ratio(total["hits"][i], total["misses"][i]), "p99": total["p99"][i], "errors": total["errors"][i]}
        if all(matches(shown[name], [value]) for name, value in values.items()):
            return last - back
    return None


def values_are_of_this_second(page, stage):
    page.open()
    time.sleep(8)
    looks, late = 12, []
    for _ in range(looks):
        before = page.api("history")["last"]
        shown = page.js(FIGURES)
        history = page.api("history?servers=all")
        step = step_of(shown, history["total"], history["last"])
        if step is None or step < before - STEPS_BEHIND:
            late.append(f"{shown}: step {step} of {before}")
        for name, rate in shown["pools"].items():
            expect_rate(f"pool {name}", rate, history["pools"][name]["requests"])
        for name, row in shown["rows"].items():
            expect_rate(f"server {name}", row["rate"], history["servers"][name]["requests"])
        clients = page.api("status")["clients"]["now"]
        expect(number(shown["clients"])[0] == clients, f"{shown['clients']} clients, by the API {clients}")
        time.sleep(0.37)
    # The page may be in the middle of a poll.
    expect(len(late) <= 2, f"{len(late)} of {looks} looks were behind: {late[:2]}")
    page.expect_clean()
    return f"{looks - len(late)} of {looks} looks within a second"


def expect_rate(what, shown, steps):
    """The page's rate is over about five seconds; the API has each of them."""
    near = [mean(steps[-6 - back:len(steps) - back]) for back in range(3)]
    value = number(shown)
    expect(value is not None, f"{what} shows {shown!r}")
    # Where a load begins or ends, seconds differ.
    spare = 0.08 * max(near) + 2
    expect(min(near) - spare <= value[0] <= max(near) + spare, f"{what} shows {shown!r}/s, by the API {near}")


def even_load_is_an_even_line(page, stage):
    steps = page.api("history")["total"]["requests"][-12:]
    near = [step for step in steps if abs(step - stage.rate) < 0.04 * stage.rate]
    expect(len(near) >= 9, f"{stage.rate} requests each second are shown as {steps}")


# Keeps what the API answers the page: an answer of another moment would have other figures.
KEEP_HOT_KEYS = """
  const plain = window.fetch;
  window.hotKeyAnswers = [];
  window.fetch = async (path, options) => {
    const reply = await plain(path, options);
    if (String(path).startsWith("/api/v1/hotkeys")) window.hotKeyAnswers.push(await reply.clone().json());
    return reply;
  };
"""
HOT_KEYS = """
  return [...document.querySelectorAll("#hotkey-rows tr")].map((row) => ({ key: row.querySelector("button").dataset.key,
    part: row.querySelector(".part").innerText, count: row.querySelector(".count").firstChild.innerText,
    server: row.querySelector(".server").innerText, pool: row.querySelector(".pool").innerText }));
"""


def hot_keys_are_those_of_the_api(page, stage):
    page.open()
    page.js(KEEP_HOT_KEYS)
    for place, by in enumerate(("requests", "bytes"), 1):
        page.js("window.hotKeyAnswers.length = 0; document.querySelector(`#hotkeys-by button:nth-child(${arguments[0]})`).click()", place)
        page.wait(lambda: page.text("#hotkey-head .count").lower() == by, f"the keys by {by}")
        page.wait(lambda: len(page.js("return window.hotKeyAnswers")) >= 2, f"two answers by {by}", 15)
        rows = page.js(HOT_KEYS)
        answers = [answer["keys"] for answer in page.js("return window.hotKeyAnswers") if answer["by"] == by]
        expect(len(rows) >= 5, f"{len(rows)} hot keys")
        expect(any(are_shown(rows, keys, by) for keys in answers), f"by {by}: {rows[:5]}, the page was answered {[keys[:5] for keys in answers]}")
        names = {one["key"] for one in page.api("hotkeys?by=" + by)["keys"]}
        expect(all(row["key"] in names for row in rows[:5]), f"by {by}: {rows[:5]} are not among the keys of the API: {names}")
    expect(" in 512" in page.text("#hotkeys-note"), page.text("#hotkeys-note"))
    page.js("document.querySelector('#hotkeys-by button').click()")
    page.expect_clean()


def are_shown(rows, keys, by):
    """Whether the rows are these keys, in this order, with these figures; of bytes, the count is shown in units."""
    def is_shown(row, one):
        size = matches(row["count"], [one["count"]]) if by == "requests" else row["count"].split()[-1] in ("B", "KiB", "MiB", "GiB")
        return (row["key"], row["server"], row["pool"]) == (one["key"], one["server"], one["pool"]) and matches(row["part"], [one["share"]]) and size

    return len(rows) == min(len(keys), 50) and all(is_shown(row, one) for row, one in zip(rows, keys))


def key_box_agrees_with_the_command(page, stage):
    page.open()
    owners = stage.route(["user:1", "session:1", "greeting", "a&b=c#d%"])
    for key, owner in owners.items():
        shown = look_up(page, key)
        expect(shown.get("Server") == owner, f"{key}: the page has {shown}, ringroad route {owner}")
        expect(shown["Pool"] == ("sessions, by prefix session:" if key.startswith("session:") else "main"), f"{key}: {shown}")
    page.expect_clean()


def look_up(page, key):
    field = page.find("#lookup-key")
    field.clear()
    field.send_keys(key + Keys.ENTER)
    page.wait(lambda: page.text("#lookup-answer dd") == key, f"the route of {key}")
    return dict(page.js("return [...document.querySelectorAll('#lookup-answer dl > div')].map((d) => [d.children[0].textContent, d.children[1].textContent])"))


def edit_is_planned_before_it_is_made(page, stage):
    """The preview says of an edited configuration what the proxy answers, and changes nothing."""
    page.open()
    page.js("document.getElementById('plan').open = true")
    page.wait(lambda: "servers:" in page.js("return document.getElementById('plan-text').value"), "the configuration in force")
    edited = page.js("""
      const box = document.getElementById("plan-text");
      box.value = box.value.replace(/^( *- )\\{?address: 127[^\\n]*$/m, (line) => line + "\\n" + line.match(/^ *- /)[0] + "{address: 127.0.0.1:1, name: added}");
      document.getElementById("plan-ask").click();
      return box.value;
    """)
    request = urllib.request.Request(page.url + "/api/v1/plan", edited.encode(), {"Content-Type": "application/yaml"})
    with urllib.request.urlopen(request) as reply:
        pools = json.load(reply)["pools"]
    moved = next(pool for pool in pools if any(move["to"] == "127.0.0.1:1" for move in pool["moves"]))
    page.wait(lambda: "of the keys move" in page.text("#plan-answer"), "the answer")
    shown = page.text("#plan-answer")
    expect(0.1 < moved["moved"] < 0.9 and f"{moved['servers_after']} then" in shown, shown)
    for move in moved["moves"]:
        expect(move["from"] in shown and move["to"] in shown, f"{move} is not shown: {shown}")
    expect("name: added" not in page.api("config")["yaml"], "the edit was made")
    page.js("document.getElementById('plan-text').value = 'servers: [a'; document.getElementById('plan-ask').click()")
    page.wait(lambda: "1:10" in page.text("#plan-answer"), "where the edit is wrong")


def word_of(page, name):
    return next((row["word"] for row in page.rows() if row["id"] == name), None)


def stopped_server_is_said_and_returns(page, stage):
    page.open()
    victim, name = stage.servers[1], stage.names[1]
    expect(page.text("#attention-title") == "Nothing needs attention", page.text("#attention"))
    begun = time.monotonic()
    victim.stop()
    try:
        page.wait(lambda: word_of(page, name) == "ejected", "the state in the table", 5)
        took = time.monotonic() - begun
        page.wait(lambda: f"server {name} is ejected (timed out)" in page.text("#attention-list"), "the server and why under attention", 2)
        page.wait(lambda: page.js("return document.title").startswith("(1)"), "the number in the title", 2)
        event = "[...document.querySelectorAll('#events li')].map((e) => e.textContent).find((t) => t.includes('server down')) || ''"
        page.wait(lambda: all(word in page.js("return " + event) for word in (name, "timed out")), "the event with its cause", 2)
        page.wait(lambda: "timed out" in page.text(f"#server-rows tr[data-name='{name}'] td.state"), "why in the table", 2)
        page.wait(lambda: page.text("#ring .big") == "2 of 3 up", "a ring of two servers", 3)
        expect(page.figure("up").replace("\u00a0", " ") == "2 of 3", page.figure("up"))
        key = next(key for key, owner in stage.route([f"user:{i}" for i in range(40)]).items() if owner == name)
        shown = look_up(page, key)
        expect(shown.get("Owner") == name and shown["Server now"] != name, f"{key}: {shown}")
        page.expect_clean()
        page.expect_contrast("a server is out")
    finally:
        victim.go_on()
    page.wait(lambda: word_of(page, name) == "up", "the server up again in the table", 8)
    page.wait(lambda: page.text("#attention-title") == "Nothing needs attention", "calm", 3)
    page.wait(lambda: "server up" in page.text("#events"), "the event of its return", 3)
    page.wait(lambda: page.text("#ring .big") == "3 of 3 up", "a ring of three servers", 3)
    page.wait(lambda: (number(next(row["rate"] for row in page.rows() if row["id"] == name)) or [0])[0] > 0, "requests to it", 6)
    page.expect_clean()
    return f"said {took:.1f} s after it stopped"


def marked_server_is_shown_as_such(page, stage):
    page.open()
    name = stage.names[0]
    expect(stage.mark(name, "down") == 200, "the mark is refused")
    page.wait(lambda: word_of(page, name) == "marked down", "the mark in the table", 4)
    page.wait(lambda: f"server {name} is marked down" in page.text("#attention-list"), "the mark under attention", 2)
    expect(page.text("#attention-title") == "Nothing needs attention", "what an operator did is said to need attention")
    expect(stage.mark(name, "up") == 200, "the end of the mark is refused")
    page.wait(lambda: word_of(page, name) == "up", "the server up again", 8)
    page.expect_clean()


def unready_proxy_is_said_once(page, stage):
    page.open()
    words = "Not ready: pool sessions: 0 of 2 servers up"
    for name in stage.names[:2]:
        stage.mark(name, "down")
    try:
        page.wait(lambda: words in page.text("#attention-list"), "why it is not ready", 4)
        # By its floor, the other pool has too few servers as well.
        page.wait(lambda: page.text("#attention-title") == "2 things need attention", "two things", 2)
        for pool in ("pool sessions", "pool main"):
            expect(page.text("#attention-list").count(pool) == 1, page.text("#attention-list"))
        shown = look_up(page, "session:1")
        expect(shown.get("Server now", "").startswith("none") and shown["Owner"] in stage.names, f"{shown}")
        page.expect_clean()
    finally:
        for name in stage.names[:2]:
            stage.mark(name, "up")
    page.wait(lambda: page.text("#attention-title") == "Nothing needs attention", "calm", 8)


def added_server_appears(page, stage):
    page.open()
    page.wait(lambda: page.count("#shares li") == 3, "three shares of the ring")
    name = stage.names[3]
    stage.add_fourth_server()
    page.wait(lambda: word_of(page, name) == "up", "the server in the table", 8)
    page.wait(lambda: page.text("#ring .big") == "4 of 4 up", "the server in the ring", 4)
    page.wait(lambda: name in page.text("#shares") and page.count("#ring .band path[data-index='3']") == 1, "its part of the ring", 4)
    page.wait(lambda: name in page.text("#events"), "the event of the reload", 3)
    page.wait(lambda: (number(next(row["rate"] for row in page.rows() if row["id"] == name)) or [0])[0] > 0, "requests to it", 8)
    expect("1 applied" in page.text("#process"), page.text("#process"))
    page.expect_clean()


def end_of_the_load_is_seen(page, stage):
    page.open()
    page.wait(lambda: (number(page.figure("rate")) or [0])[0] > stage.rate / 2, "the load")
    stage.stop_load()
    try:
        page.wait(lambda: page.figure("rate").startswith("0"), "a rate of zero", 3)
        page.wait(lambda: page.figure("hit").startswith("–") and page.figure("p99").startswith("–"), "no hit ratio and no latency", 3)
        page.wait(lambda: page.figure("clients").startswith("0"), "no client", 2)
        page.wait(lambda: all(row["rate"] == "0" for row in page.rows()), "servers without requests", 8)
        page.wait(lambda: page.text("#chart-rate .legend .figure") == "0/s", "a chart at zero", 3)
        page.expect_clean()
    finally:
        stage.start_load()
    page.wait(lambda: (number(page.figure("rate")) or [0])[0] > stage.rate / 2, "the load again", 6)


def restarted_proxy_is_followed(page, stage):
    page.open()
    stage.stop_load()
    stage.proxy.stop()
    page.wait(lambda: page.text("#link-text") == "No answer", "that the proxy does not answer", 4)
    page.wait(lambda: "The proxy does not answer" in page.text("#outage-what"), "the words", 2)
    page.wait(lambda: not page.js("return document.hidden") and number(page.figure("uptime")) is not None, "the last values", 2)
    stage.proxy.start()
    stage.start_load()
    page.wait(lambda: page.text("#link-text") == "Live" and not page.find("#outage").is_displayed(), "values again", 8)
    page.wait(lambda: number(page.figure("uptime"))[0] < 30 and "min" not in page.figure("uptime"), "the new uptime", 4)
    page.wait(lambda: page.text("#events-how") == "live", "the stream of events", 6)
    events = page.api("events")["events"]
    page.wait(lambda: page.count("#events li") == len(events), "the events of the new process alone", 4)
    page.wait(lambda: (number(page.figure("rate")) or [0])[0] > stage.rate / 2, "the load", 6)
    page.wait(lambda: all((number(row["rate"]) or [0])[0] > 0 for row in page.rows()), "the servers' rates", 8)
    # The browser notes each request that was not answered; nothing else may be there.
    found = [line for line in page.console() if "net::ERR_" not in line]
    expect(not found, f"on the console: {found[:3]}")
    time.sleep(1.5)
    page.expect_clean()


def shape(value):
    """The names of an answer's fields, at any depth. Lists by their first item."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def mock_answers_alike(page, stage):
    """The other checks of the page believe the mock."""
    from mock import Api
    from world import World
    api = Api(World(3, 1, incident=False))
    key = {"key": ["user:1"]}
    for path, query in (("status", {}), ("servers", {}), ("pools", {}), ("ring", {}), ("history", {}), ("hotkeys", {}), ("events", {}), ("route", key), ("config", {})):
        answer = page.api(path + ("?key=" + quoted("user:1") if query else ""))
        real, made = shape(answer), shape(json.loads(json.dumps(api.answer(path, query))))
        for document in (real, made):
            # By names that differ from proxy to proxy.
            for name in ("pools", "servers", "counters"):
                if isinstance(document.get(name), dict):
                    document[name] = [*document[name].values()][:1]
            for name, inner in (("pools", "outcomes"), ("servers", "failures"), ("events", "fields")):
                for part in document.get(name) or []:
                    part.pop(inner, None)
            document.pop("attention", None)
        expect(real == made, f"/api/v1/{path}: {difference(real, made)}")


def difference(real, made):
    return f"the proxy answers {json.dumps(real)}, the mock {json.dumps(made)}"


# In this order: each leaves the stage as the next one expects it.
REAL = [
    values_are_of_this_second, even_load_is_an_even_line, hot_keys_are_those_of_the_api, key_box_agrees_with_the_command, edit_is_planned_before_it_is_made, mock_answers_alike,
    stopped_server_is_said_and_returns, marked_server_is_shown_as_such, unready_proxy_is_said_once,
    end_of_the_load_is_seen, added_server_appears, restarted_proxy_is_followed,
]
