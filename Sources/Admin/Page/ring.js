// The ring: outside, which server has which part of the circle; inside, each server's share of the traffic.

const ring = {
  pool: null, // the pool that is shown
  answer: null,
  pointed: null, // the server under the mouse
  drawn: "", // what the circle shows, to draw only changes
  ranking: [],
  rankedAt: 0,
};

const COLOURS = 8; // servers that have a colour of their own
const TONES = 6;
const MOST_SECTORS = 200; // of the inner ring
const MOST_SHARES = 8; // rows of shares

const colourOf = (index, total) => (total <= COLOURS ? "s" + index : "t" + ((index * 5) % TONES));

function arc(from, to, inner, outer) {
  const end = Math.min(to, from + 0.99999);
  const at = (turn, radius) => {
    const angle = turn * 2 * Math.PI;
    return (160 + radius * Math.sin(angle)).toFixed(2) + " " + (160 - radius * Math.cos(angle)).toFixed(2);
  };
  const long = end - from > 0.5 ? 1 : 0;
  return `M${at(from, outer)}A${outer} ${outer} 0 ${long} 1 ${at(end, outer)}` +
    `L${at(end, inner)}A${inner} ${inner} 0 ${long} 0 ${at(from, inner)}Z`;
}

// One path for all slices of each server; those of no server are at -1.
function arcsOfServers(slices) {
  const paths = new Map();
  let start = 0;
  for (let i = 1; i <= slices.length; i += 1) {
    if (i < slices.length && slices[i] === slices[start]) continue;
    const path = arc(start / slices.length, i / slices.length, 138, 154);
    paths.set(slices[start], (paths.get(slices[start]) || "") + path);
    start = i;
  }
  return paths;
}

async function askRing() {
  const names = view.pools.map((pool) => pool.name);
  if (names.length === 0) return;
  if (!names.includes(ring.pool)) ring.pool = names[0];
  const answer = await ask("/api/v1/ring?pool=" + encodeURIComponent(ring.pool));
  if (answer.pool !== ring.pool) return;
  ring.answer = answer;
  showRing();
}

function showRing() {
  showRingPools();
  if (ring.answer === null) return;
  drawRing();
  showSectors();
  showRingCentre();
  showShares();
}

function showRingPools() {
  const select = byId("ring-pool");
  setHidden(select, view.pools.length < 2);
  renderList(select, view.pools.map((pool) => pool.name), () => element("option"), (option, name) => {
    setText(option, visible(name));
    if (option.value !== name) option.value = name;
  });
  if (ring.pool !== null && select.value !== ring.pool && document.activeElement !== select) select.value = ring.pool;
}

function stateInRing(one) {
  const server = view.byName.get(one.name);
  return server ? server.state : one.state;
}

function drawRing() {
  const { servers, slices, pool } = ring.answer;
  const states = servers.map((one) => (stateInRing(one) === "up" ? 1 : 0)).join("");
  const content = JSON.stringify([pool, slices, servers.map((one) => one.name), states]);
  if (content === ring.drawn) return;
  ring.drawn = content;
  const picture = byId("ring");
  const hatch = drawn("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    drawn("rect", { class: "hatch-ground", width: 5, height: 5 }), drawn("rect", { class: "hatch-line", width: 2, height: 5 }));
  const band = drawn("g", { class: "band" });
  for (const [index, path] of arcsOfServers(slices)) {
    const one = servers[index];
    const isUp = one && stateInRing(one) === "up";
    const node = drawn("path", {
      d: path, class: one ? "arc " + (isUp ? colourOf(index, servers.length) : "out") : "arc unowned",
    });
    if (one) node.dataset.index = index;
    band.append(node);
  }
  picture.replaceChildren(hatch, band, drawn("g", { class: "sectors" }), drawn("g", { class: "centre" },
    drawn("text", { x: 160, y: 152, class: "big" }), drawn("text", { x: 160, y: 180 }), drawn("text", { x: 160, y: 199, class: "small" })));
  const up = servers.filter((one) => stateInRing(one) === "up").length;
  setAttribute(picture, "aria-label", `Ring of pool ${visible(pool)}: ${up} of ${servers.length} servers are up. ` +
    "The shares are listed below and in the table of servers.");
  const isStriped = slices.some((index) => servers[index] && stateInRing(servers[index]) !== "up");
  setText(byId("ring-note"), "Outside: the owner of each part of the circle. Inside: share of the traffic." +
    (isStriped ? " Striped: owned by a server that is not up." : ""));
}

// The inner ring: a sector for each server, as wide as its share of the traffic.
function showSectors() {
  const group = byId("ring").querySelector(".sectors");
  const { servers } = ring.answer;
  const sectors = [];
  let turn = 0;
  servers.forEach((one, index) => {
    const traffic = trafficOf(one.name);
    if (!(traffic > 0) || servers.length > MOST_SECTORS) return;
    sectors.push({ index, path: arc(turn, turn + traffic, 112, 132) });
    turn += traffic;
  });
  renderList(group, sectors, () => drawn("path"), (node, { index, path }) => {
    setAttribute(node, "class", "arc " + colourOf(index, servers.length));
    setAttribute(node, "d", path);
    if (node.dataset.index !== String(index)) node.dataset.index = index;
  });
  showRingSelection();
}

// A server's share of the traffic is that in its first pool; in other pools it is not known.
function trafficOf(name) {
  const server = view.byName.get(name);
  const isFirst = server && server.pools && server.pools[0] === ring.answer.pool;
  return isFirst && server.share && isNumber(server.share.traffic) ? server.share.traffic : null;
}

// The server that the ring shows apart: the one under the mouse, else the selected one.
function apartInRing() {
  const name = ring.pointed || (view.selected && view.selected.kind === "server" ? view.selected.name : null);
  const index = name === null || ring.answer === null ? -1 : ring.answer.servers.findIndex((one) => one.name === name);
  return index < 0 ? null : { index, one: ring.answer.servers[index] };
}

function showRingSelection() {
  const apart = apartInRing();
  byId("ring").classList.toggle("has-selection", apart !== null);
  for (const node of byId("ring").querySelectorAll(".arc")) {
    node.classList.toggle("apart", apart !== null && node.dataset.index === String(apart.index));
  }
}

function showRingCentre() {
  const texts = byId("ring").querySelectorAll("text");
  if (texts.length < 3) return;
  const { servers, pool, placement } = ring.answer;
  const apart = apartInRing();
  const fitting = (text) => (text.length > 24 ? text.slice(0, 23) + "…" : text);
  if (apart === null) {
    const up = servers.filter((one) => stateInRing(one) === "up").length;
    setText(texts[0], up + " of " + servers.length + " up");
    setText(texts[1], fitting("pool " + visible(pool)));
    setText(texts[2], fitting(visible(placement)));
  } else {
    setText(texts[0], share(trafficOf(apart.one.name)));
    setText(texts[1], fitting(visible(apart.one.name)));
    setText(texts[2], share(apart.one.ring) + " of ring, ideal " + share(apart.one.ideal));
  }
}

// Rows for the servers whose traffic is farthest from the ideal; chosen again every ten seconds, so that they stay put.
function rankShares(servers) {
  const now = performance.now();
  const names = servers.map((one) => one.name);
  const isKept = now - ring.rankedAt < 10000 && ring.ranking.every((name) => names.includes(name));
  if (servers.length <= MOST_SHARES) return servers;
  if (!isKept || ring.ranking.length === 0) {
    const distance = (one) => Math.abs((trafficOf(one.name) || 0) - (one.ideal || 0));
    ring.ranking = servers.slice().sort((a, b) => distance(b) - distance(a)).slice(0, MOST_SHARES).map((one) => one.name);
    ring.rankedAt = now;
  }
  const chosen = new Set(ring.ranking);
  return servers.filter((one) => chosen.has(one.name));
}

function showShares() {
  const { servers } = ring.answer;
  const shown = rankShares(servers);
  const most = Math.max(...shown.map((one) => Math.max(trafficOf(one.name) || 0, one.ideal || 0)), 0) * 1.1;
  const indexes = new Map(servers.map((one, index) => [one.name, index]));
  setText(byId("shares-title"), shown.length < servers.length ? "Share of traffic, farthest from ideal" : "Share of traffic");
  renderList(byId("shares"), shown, makeShareRow, (row, one) => {
    const [swatch, state, name, figure, bar] = row.children;
    const index = indexes.get(one.name);
    const known = stateOf(stateInRing(one));
    setAttribute(swatch, "class", "swatch " + colourOf(index, servers.length));
    setText(name, visible(one.name));
    showSign(state.firstChild, known);
    setText(state.lastChild, stateInRing(one));
    setAttribute(bar, "class", "share " + colourOf(index, servers.length));
    showShare(bar, trafficOf(one.name), one.ideal, most);
    setText(figure.children[0], share(trafficOf(one.name)));
    setText(figure.children[1], " of " + share(one.ideal));
    row.dataset.name = one.name;
    row.classList.toggle("apart", isSelected("server", one.name));
  });
  const left = servers.length - shown.length;
  setText(byId("shares-note"), left > 0 ? `The other ${count(left)} servers are nearer; the table has them all.` : "");
}

function makeShareRow() {
  return element("li", {}, drawn("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, drawn("rect", { width: 10, height: 10, rx: 2 })),
    element("span", { class: "sign" }, icon("up"), element("span", { class: "hidden" })), element("span", { class: "name" }),
    element("span", { class: "figure" }, element("span"), element("span", { class: "dim" })), shareBar());
}

function startRing() {
  byId("ring-pool").addEventListener("change", (event) => {
    ring.pool = event.target.value;
    ring.ranking = [];
    askRing().catch(() => {});
  });
  const point = (name) => {
    if (ring.pointed === name) return;
    ring.pointed = name;
    showRingSelection();
    showRingCentre();
  };
  const nameAt = (event) => {
    const arcNode = event.target.closest("[data-index]");
    return arcNode && ring.answer ? ring.answer.servers[Number(arcNode.dataset.index)].name : null;
  };
  byId("ring").addEventListener("mousemove", (event) => point(nameAt(event)));
  byId("ring").addEventListener("mouseleave", () => point(null));
  byId("ring").addEventListener("click", (event) => {
    const name = nameAt(event);
    if (name !== null) select("server", name);
  });
  byId("shares").addEventListener("mouseover", (event) => {
    const row = event.target.closest("[data-name]");
    point(row ? row.dataset.name : null);
  });
  byId("shares").addEventListener("mouseleave", () => point(null));
  selectionListeners.push(() => {
    if (ring.answer !== null) showRing();
  });
}
