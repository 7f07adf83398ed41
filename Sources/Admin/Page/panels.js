// What needs attention, the line of figures, the pools, the hot keys, the process, and where a key goes.

// MARK: - Attention

const attention = { isWhole: false, announced: "" };
const MOST_ITEMS = 6;

function itemsOfAttention(status) {
  const reasons = new Set(status.ready ? [] : status.reasons);
  const order = ["error", "warning", "info"];
  const items = (status.attention || []).slice().sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
  return items.map((item) => (reasons.has(item.text) ? { ...item, text: "Not ready: " + item.text } : item));
}

function showAttention(status) {
  const items = itemsOfAttention(status);
  const urgent = items.filter((item) => item.level !== "info").length;
  const isCalm = urgent === 0 && status.ready;
  const title = isCalm ? "Nothing needs attention" : urgent === 0 ? "Not ready" : urgent === 1 ? "1 thing needs attention" : `${count(urgent)} things need attention`;
  const box = byId("attention");
  const worst = items.some((item) => item.level === "error") || !status.ready ? "bad" : urgent > 0 ? "fair" : "good";
  setAttribute(box, "class", "attention " + worst);
  setText(byId("attention-title"), title);
  byId("attention-check").toggleAttribute("hidden", !isCalm);
  const shown = attention.isWhole ? items : items.slice(0, MOST_ITEMS);
  renderList(byId("attention-list"), shown, makeAttentionItem, (node, item) => {
    const level = levelOf(item.level);
    const [sign, word, text, button] = node.children;
    showSign(sign, level);
    setAttribute(word, "class", "level " + level.tone);
    setText(word, level.word);
    setText(text, visible(item.text));
    const isKnown = typeof item.server === "string" && view.byName.has(item.server);
    setHidden(button, !isKnown);
    if (isKnown) button.dataset.server = item.server;
    setAttribute(button, "aria-label", isKnown ? "Show server " + visible(item.server) : null);
  });
  const more = byId("attention-more");
  setHidden(more, items.length <= MOST_ITEMS);
  setText(more, attention.isWhole ? "Show fewer" : `Show ${count(items.length - MOST_ITEMS)} more`);
  document.title = (urgent > 0 ? `(${urgent}) ` : "") + "ringroad";
  const spoken = title + (urgent > 0 ? ": " + items.slice(0, 3).map((item) => visible(item.text)).join("; ") : "");
  if (attention.announced !== spoken) {
    attention.announced = spoken;
    announce(spoken);
  }
}

function makeAttentionItem() {
  const button = element("button", { type: "button", class: "quiet" }, "Show server");
  button.addEventListener("click", () => revealServer(button.dataset.server));
  return element("li", {}, icon("info"), element("span"), element("span", { class: "text" }), button);
}

function startAttention() {
  byId("attention-more").addEventListener("click", () => {
    attention.isWhole = !attention.isWhole;
    if (view.status !== null) showAttention(view.status);
  });
}

// MARK: - Figures

const FIGURES = [
  ["rate", "Requests"], ["hit", "Hit ratio"], ["p99", "Latency p99"], ["errors", "Errors"],
  ["up", "Servers up"], ["clients", "Clients"], ["uptime", "Uptime"],
];

function showFigures(status) {
  const last = history.total.length - 1;
  const at = (field) => (last < 0 ? null : history.total.at(field, last));
  const up = view.servers.filter((server) => server.state === "up").length;
  const clients = status.clients || {};
  const values = {
    rate: [rate(at("requests")), "/s"],
    hit: [percent(hitRatio(at("hits"), at("misses")))],
    p99: [latency(at("p99"))],
    errors: [rate(at("errors")), "/s"],
    up: [count(up), "of " + count(view.servers.length)],
    clients: [count(clients.now), isNumber(clients.limit) ? "of " + count(clients.limit) : ""],
    uptime: [duration(status.uptime)],
  };
  for (const [id, [text, unit = ""]] of Object.entries(values)) {
    const node = byId("figure-" + id);
    const [number, ...units] = id === "uptime" ? [text] : text.split(SPACE);
    setText(node.children[0], number);
    setText(node.children[1], units.join(SPACE) + (unit.startsWith("/") || units.length === 0 ? "" : SPACE) + unit);
  }
  byId("figure-errors").parentElement.classList.toggle("bad", at("errors") > 0);
  byId("figure-up").parentElement.classList.toggle("bad", up < view.servers.length);
  setText(byId("about"), `version ${visible(status.version)}, pid ${status.pid}, ` + (status.config ? visible(status.config) : "no configuration file"));
}

function startFigures() {
  for (const [id, label] of FIGURES) {
    byId("head").append(element("div", {}, element("dt", {}, label),
      element("dd", { id: "figure-" + id }, element("span", { class: "number" }, NONE), element("span", { class: "unit" }))));
  }
}

// MARK: - Pools

const POOL_COLUMNS = [
  ["name", "Pool"], ["up", "Servers up"], ["rate", "Requests/s"], ["hit", "Hit ratio"], ["p50", "p50"], ["p99", "p99"],
  ["p999", "p99.9"], ["errors", "Errors/s"], ["placement", "Placement"], ["routes", "Prefixes"],
];
const MOST_POOLS = 100;
const poolRates = new Rates();

function addPools(pools, time) {
  view.pools = pools;
  poolRates.add(time, pools);
  showPools();
}

function showPools() {
  renderList(byId("pool-rows"), view.pools.slice(0, MOST_POOLS), makePoolRow, (row, pool) => {
    const { rate: requests, hit, errors } = poolRates.of(pool.name);
    const { p50, p99, p999 } = pool.latency || {};
    const servers = (pool.servers || []).length;
    const prefixes = (pool.routes || []).map((prefix) => (prefix === "" ? "all others" : visible(prefix)));
    const button = row.firstChild.firstChild;
    setText(button, visible(pool.name));
    button.dataset.name = pool.name;
    setAttribute(button, "aria-pressed", isSelected("pool", pool.name));
    row.classList.toggle("selected", isSelected("pool", pool.name));
    showSign(row.children[1].firstChild, stateOf(pool.up < servers ? (pool.up > 0 ? "ejected" : "down") : "up"));
    setText(row.children[1].lastChild, `${count(pool.up)} of ${count(servers)}`);
    const texts = [rate(requests), percent(hit), latency(p50), latency(p99), latency(p999), rate(errors)];
    texts.push([pool.placement, pool.hash].filter(Boolean).map(visible).join(", "), prefixes.join(", "));
    texts.forEach((text, i) => setText(row.children[i + 2], text));
    setAttribute(row.children[9], "title", prefixes.join(", "));
    row.children[7].classList.toggle("bad", errors > 0);
  });
}

function makePoolRow() {
  const row = element("tr", { role: "row" });
  for (const [id, label] of POOL_COLUMNS) {
    const cell = element("td", { role: id === "name" ? "rowheader" : "cell", class: id });
    cell.dataset.label = label;
    row.append(cell);
  }
  const button = element("button", { type: "button", class: "name" });
  row.firstChild.append(button);
  row.children[1].append(icon("up"), element("span"));
  row.addEventListener("click", () => select("pool", button.dataset.name));
  return row;
}

function startPools() {
  for (const [id, label] of POOL_COLUMNS) byId("pool-head").append(element("th", { role: "columnheader", scope: "col", class: id }, label));
  selectionListeners.push(showPools);
}

// MARK: - Hot keys

const hotkeys = { by: "requests", answer: null, head: null };
const HOTKEY_COLUMNS = [
  ["key", "Key"], ["part", "Share"], ["count", "Requests"], ["pool", "Pool"], ["server", "Server"], ["age", "First seen"],
];
const MOST_KEYS = 50;

async function askHotkeys() {
  const answer = await ask("/api/v1/hotkeys?by=" + hotkeys.by);
  if (answer.by !== hotkeys.by) return;
  hotkeys.answer = answer;
  showHotkeys();
}

function showHotkeys() {
  const { keys, sampled, half_life: halfLife, by } = hotkeys.answer;
  const amountOf = by === "bytes" ? bytes : amount;
  const shown = keys.slice(0, MOST_KEYS);
  const most = Math.max(...shown.map((one) => one.share || 0), 0);
  renderList(byId("hotkey-rows"), shown, makeHotkeyRow, (row, one) => {
    const [key, part, size, pool, server, age] = row.children;
    setText(key.firstChild, visible(one.key));
    key.firstChild.dataset.key = one.key;
    setAttribute(key.firstChild, "title", "Look up " + visible(one.key));
    showShare(part.firstChild, one.share, null, most);
    setText(part.lastChild, share(one.share));
    setText(size.firstChild, amountOf(one.count));
    setText(size.lastChild, one.error > 0 ? " −" + amountOf(one.error) : "");
    setAttribute(size, "data-label", by === "bytes" ? "Bytes" : "Requests");
    setText(pool, one.pool === null ? NONE : visible(one.pool));
    setText(server, one.server === null ? "none" : visible(one.server));
    setText(age, roughly(one.age) + " ago");
  });
  setText(hotkeys.head, by === "bytes" ? "Bytes" : "Requests");
  const from = isNumber(sampled) && sampled < 1 ? `Estimated from 1 request in ${count(Math.round(1 / sampled))}` : "Of all requests";
  setText(byId("hotkeys-note"), keys.length === 0 ? "No key stands out." : `${from}; what is ${duration(halfLife)} old counts half.`);
}

function makeHotkeyRow() {
  const row = element("tr", { role: "row" });
  for (const [id, label] of HOTKEY_COLUMNS) {
    const cell = element("td", { role: id === "key" ? "rowheader" : "cell", class: id });
    cell.dataset.label = label;
    row.append(cell);
  }
  const button = element("button", { type: "button", class: "name mono" });
  button.addEventListener("click", () => lookUp(button.dataset.key));
  row.children[0].append(button);
  row.children[1].append(shareBar(), element("span"));
  row.children[2].append(element("span"), element("span", { class: "dim", title: "by which it may be too high" }));
  return row;
}

function startHotkeys() {
  for (const [id, label] of HOTKEY_COLUMNS) byId("hotkey-head").append(element("th", { role: "columnheader", scope: "col", class: id }, label));
  hotkeys.head = byId("hotkey-head").querySelector(".count");
  choices(byId("hotkeys-by"), [["requests", "By requests"], ["bytes", "By bytes"]], "requests", (by) => {
    hotkeys.by = by;
    askHotkeys().catch(() => {});
  });
}

// MARK: - Process

const MOST_LISTENERS = 16;
const listenerRates = new Rates();

function listenerText(listener) {
  const { p50, p99 } = listener.latency || {};
  const { rate: requests } = listenerRates.of(listener.address);
  return `${visible(listener.address)}: ${count(listener.clients)} clients, ${rate(requests)} requests/s, p50 ${latency(p50)}, p99 ${latency(p99)}`;
}

function showProcess(status, time) {
  const { clients = {}, memory = {}, reloads = {}, listeners = [] } = status;
  listenerRates.add(time, listeners.map(({ address, requests }) => ({ name: address, requests, hits: 0, misses: 0, errors: 0 })));
  const rows = [
    ...listeners.slice(0, MOST_LISTENERS).map((listener) => ["Listens on", listenerText(listener)]),
    ["Started", clock(status.started, status.now)],
    ["Clients", `${count(clients.accepted)} accepted, ${count(clients.rejected)} rejected`],
    ["Memory", `${bytes(memory.in_use)} in use, ${bytes(memory.idle)} idle, limit ${bytes(memory.limit)}`],
    ["Reloads", `${count(reloads.applied)} applied, ${count(reloads.refused)} refused`],
  ];
  if (reloads.last_error) rows.push(["Last refusal", visible(reloads.last_error)]);
  renderList(byId("process"), rows, () => element("div", {}, element("dt"), element("dd")), (row, [name, text]) => {
    setText(row.children[0], name);
    setText(row.children[1], text);
  });
  renderList(byId("workers"), (status.workers || []).slice(0, 64), () => element("li", {}, element("span"), shareBar(), element("span"), element("span", { class: "dim" })), (row, worker) => {
    setText(row.children[0], "Worker " + worker.number);
    showShare(row.children[1], worker.busy, null, 1);
    setText(row.children[2], isNumber(worker.busy) ? Math.round(worker.busy * 100) + SPACE + "% busy" : NONE);
    setText(row.children[3], count(worker.clients) + " clients");
  });
}

// MARK: - Where a key goes

let lookups = 0;

function lookUp(key) {
  byId("lookup-key").value = key;
  showRoute(key);
  byId("lookup").scrollIntoView({ block: "nearest" });
}

// Why a key cannot be one; null if it can.
function faultOfKey(key) {
  if (key === "") return "Type a key.";
  if (/[\s\u0000-\u001f\u007f]/.test(key)) return "A key has no spaces and no control characters.";
  if (new TextEncoder().encode(key).length > 250) return "A key has at most 250 bytes.";
  return null;
}

async function showRoute(key) {
  const number = (lookups += 1);
  const box = byId("lookup-answer");
  const fault = faultOfKey(key);
  if (fault !== null) return box.replaceChildren(element("p", { class: "fault" }, fault));
  let nodes;
  try {
    nodes = routeRows(await ask("/api/v1/route?key=" + encodeURIComponent(key)));
  } catch (error) {
    nodes = [element("p", { class: "fault" }, "No answer: " + error.message)];
  }
  if (number === lookups) box.replaceChildren(...nodes);
}

function routeRows(route) {
  const isAway = route.owner !== route.server;
  const rows = [["Key", visible(route.key)], ["Pool", visible(route.pool) + (route.prefix ? `, by prefix ${visible(route.prefix)}` : "")]];
  rows.push([isAway ? "Server now" : "Server", route.server === null ? "none: its requests fail" : visible(route.server)]);
  if (isAway) rows.push(["Owner", route.owner === null ? "none" : visible(route.owner)]);
  if (route.label && route.label !== route.server) rows.push(["Ring label", visible(route.label)]);
  const owner = view.byName.get(route.owner);
  const row = ([name, text]) => element("div", {}, element("dt", {}, name), element("dd", { class: "mono" }, text));
  const nodes = [element("dl", {}, ...rows.map(row))];
  if (isAway && owner) {
    nodes.push(element("p", { class: "note" }, `The owner is ${owner.state}; ` +
      (route.server === null ? "its keys have no server until it is back." : "its keys are on other servers until it is back.")));
  }
  if (typeof route.server === "string" && view.byName.has(route.server)) {
    const button = element("button", { type: "button", class: "quiet" }, "Show server");
    button.addEventListener("click", () => revealServer(route.server));
    nodes.push(button);
  }
  return nodes;
}

function startLookup() {
  byId("lookup").addEventListener("submit", (event) => {
    event.preventDefault();
    showRoute(byId("lookup-key").value.trim());
  });
}
