// The table of servers. Only the rows in sight are in the document, so that a thousand servers cost no more than thirty.

const COLUMNS = [
  { id: "name", label: "Server", value: (row) => row.server.name, text: true },
  { id: "state", label: "State", value: (row) => row.rank, text: true },
  { id: "rate", label: "Requests/s", short: "req/s", value: (row) => row.rate, show: rate },
  { id: "hit", label: "Hit ratio", short: "hits", value: (row) => row.hit, show: percent },
  { id: "p50", label: "p50", value: (row) => row.p50, show: latency },
  { id: "p99", label: "p99", short: "p99", value: (row) => row.p99, show: latency },
  { id: "p999", label: "p99.9", value: (row) => row.p999, show: latency },
  { id: "errors", label: "Errors/s", short: "err/s", value: (row) => row.errors, show: rate },
  { id: "flight", label: "In flight", value: (row) => row.server.in_flight, show: count },
  { id: "share", label: "Share", value: (row) => row.traffic },
  { id: "ideal", label: "Ideal", value: (row) => row.ideal, show: share },
];

const table = {
  rates: new Rates(),
  rows: [], // filtered and sorted
  sort: { id: "state", isDown: false },
  filter: "",
  state: "all",
  focus: null, // the name of the row that Tab reaches
  narrow: window.matchMedia("(max-width: 719px)"),
};

const SPARE_ROWS = 6; // above and below those in sight

const rowHeight = () => (table.narrow.matches ? 64 : 34);

function addServers(servers, time) {
  view.servers = servers;
  view.byName = new Map(servers.map((server) => [server.name, server]));
  table.rates.add(time, servers);
  sortServers();
  showServers();
  showStates();
}

function rowOf(server) {
  const { rate: requests, hit, errors } = table.rates.of(server.name);
  const { p50 = null, p99 = null, p999 = null } = server.latency || {};
  const { traffic = null, ideal = null } = server.share || {};
  const known = STATE_ORDER.has(server.state) ? STATE_ORDER.get(server.state) : -1;
  const rank = server.note ? known - 0.5 : known;
  return { server, rank, rate: requests, hit, errors, p50, p99, p999, traffic, ideal };
}

function isWanted(server) {
  if (table.state === "up" && server.state !== "up") return false;
  if (table.state === "out" && server.state === "up") return false;
  if (table.filter === "") return true;
  const text = [server.name, server.state, server.note || "", ...(server.pools || [])].join(" ").toLowerCase();
  return table.filter.split(/\s+/).every((word) => text.includes(word));
}

function sortServers() {
  const { id, isDown } = table.sort;
  const column = COLUMNS.find((one) => one.id === id);
  const rows = view.servers.filter(isWanted).map(rowOf);
  const byName = (a, b) => collator.compare(a.server.name, b.server.name);
  const byText = (a, b) => (column.id === "name" ? byName(a, b) : a.rank - b.rank);
  // What is not known is last, in either direction.
  const byNumber = (a, b) => {
    const [left, right] = [column.value(a), column.value(b)];
    if (!isNumber(left) || !isNumber(right)) return (isNumber(left) ? -1 : 0) + (isNumber(right) ? 1 : 0);
    return isDown ? right - left : left - right;
  };
  rows.sort((a, b) => (column.text ? (isDown ? -1 : 1) * byText(a, b) : byNumber(a, b)) || byName(a, b));
  table.rows = rows;
}

function sortBy(id) {
  const column = COLUMNS.find((one) => one.id === id);
  // Numbers begin with the largest, words with the first.
  const isDown = table.sort.id === id ? !table.sort.isDown : !column.text;
  table.sort = { id, isDown };
  byId("scroller").scrollTop = 0;
  refreshServers();
  announce(`Servers sorted by ${column.label}, ${isDown ? "descending" : "ascending"}`);
}

function refreshServers() {
  sortServers();
  showServers();
  showSort();
}

function showSort() {
  for (const cell of byId("server-head").children) {
    const isSorted = cell.dataset.id === table.sort.id;
    setAttribute(cell, "aria-sort", isSorted ? (table.sort.isDown ? "descending" : "ascending") : "none");
  }
  byId("sort-by").value = table.sort.id;
}

function showStates() {
  const up = view.servers.filter((server) => server.state === "up").length;
  setText(table.buttons.get("all"), "All " + count(view.servers.length));
  setText(table.buttons.get("up"), "Up " + count(up));
  setText(table.buttons.get("out"), "Not up " + count(view.servers.length - up));
}

// MARK: - Rows

function showServers() {
  const scroller = byId("scroller");
  const body = byId("server-rows");
  const height = rowHeight();
  const total = table.rows.length;
  // Where the first row is, below the table's head.
  const above = table.narrow.matches ? 0 : byId("server-head").offsetHeight;
  const first = Math.max(0, Math.floor((scroller.scrollTop - above) / height) - SPARE_ROWS);
  const inSight = Math.ceil(Math.max(scroller.clientHeight, 200) / height) + 2 * SPARE_ROWS;
  const shown = table.rows.slice(first, first + inSight);
  if (!shown.some((row) => row.server.name === table.focus)) table.focus = shown.length > 0 ? focusable(shown, first) : null;

  const kept = new Map();
  for (const node of [...body.children]) {
    if (node.dataset.name !== undefined) kept.set(node.dataset.name, node);
  }
  const nodes = shown.map((row, i) => {
    const node = kept.get(row.server.name) || makeServerRow(row.server.name);
    kept.delete(row.server.name);
    showServerRow(node, row, first + i);
    return node;
  });
  for (const node of kept.values()) node.remove();
  const [top, bottom] = table.spacers;
  place(body, [top, ...nodes, bottom]);
  top.style.height = first * height + "px";
  bottom.style.height = Math.max(0, total - first - shown.length) * height + "px";
  setAttribute(byId("servers"), "aria-rowcount", total + 1);
  setText(byId("servers-note"), noteOfServers(total));
}

function noteOfServers(total) {
  if (view.servers.length === 0) return "";
  if (total === 0) return "No server fits the filter.";
  const shown = total < view.servers.length ? `${count(total)} of ${count(view.servers.length)} servers. ` : "";
  return shown + `Rates and hit ratios over 5${SPACE}s; latencies and shares over 10${SPACE}s.`;
}

// Puts the children into this order and moves only those that are elsewhere: a row keeps its focus.
function place(parent, nodes) {
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else if (node.contains(document.activeElement)) {
      while (next !== null && next !== node) {
        const after = next.nextElementSibling;
        parent.append(next);
        next = after;
      }
      next = node.nextElementSibling;
    } else parent.insertBefore(node, next);
  }
}

// The row that Tab reaches: the selected one if it is in sight, else the first.
function focusable(shown, first) {
  const selected = shown.find((row) => isSelected("server", row.server.name));
  const scrolled = first > 0 ? Math.min(SPARE_ROWS, shown.length - 1) : 0;
  return (selected || shown[scrolled]).server.name;
}

function makeServerRow(name) {
  const row = element("tr", { role: "row" });
  row.dataset.name = name;
  for (const column of COLUMNS) {
    const cell = element("td", { role: column.id === "name" ? "rowheader" : "cell", class: column.id });
    if (column.short) cell.dataset.label = column.short;
    row.append(cell);
  }
  const [nameCell, stateCell] = row.children;
  nameCell.append(element("button", { type: "button", class: "name", title: visible(name) }, visible(name)));
  stateCell.append(icon("up"), element("span"), element("span", { class: "dim" }));
  row.querySelector(".share").append(shareBar(), element("span"));
  return row;
}

function showServerRow(node, row, index) {
  const { server } = row;
  const button = node.firstChild.firstChild;
  setAttribute(button, "tabindex", server.name === table.focus ? 0 : -1);
  setAttribute(button, "aria-pressed", isSelected("server", server.name));
  setAttribute(node, "aria-rowindex", index + 2);
  node.classList.toggle("selected", isSelected("server", server.name));
  node.classList.toggle("not-up", server.state !== "up");
  const [sign, word, why] = node.children[1].children;
  showSign(sign, stateOf(server.state));
  setText(word, server.state);
  setText(why, whyOf(server));
  setAttribute(node.children[1], "title", server.state === "up" && !server.note ? null : `${server.state}, ${whyOf(server)}`);
  COLUMNS.forEach((column, i) => {
    if (column.show) setText(node.children[i], column.show(column.value(row)));
  });
  node.children[7].classList.toggle("bad", row.errors > 0);
  const [bar, figure] = node.children[9].children;
  // The ideal share is in the middle of every bar.
  showShare(bar, row.traffic, row.ideal, 2 * row.ideal);
  setText(figure, share(row.traffic));
}

// Since when a server is not up, why, and the note.
function whyOf(server) {
  const age = view.status && isNumber(server.since) ? view.status.now - server.since : null;
  const since = server.state !== "up" && age !== null ? duration(age) : "";
  return [since, server.cause, server.note].filter(Boolean).map(visible).join(", ");
}

// MARK: - Keys

// The focus moves through all rows, whether they are in the document or not.
function focusRow(index) {
  if (table.rows.length === 0) return;
  const target = Math.min(Math.max(index, 0), table.rows.length - 1);
  table.focus = table.rows[target].server.name;
  revealRow(target);
  showServers();
  const node = [...byId("server-rows").children].find((row) => row.dataset.name === table.focus);
  if (node) node.querySelector("button").focus({ preventScroll: true });
}

function revealRow(index) {
  const scroller = byId("scroller");
  const height = rowHeight();
  const head = table.narrow.matches ? 0 : byId("server-head").offsetHeight;
  const top = index * height;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  if (top + height + head > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top + height + head - scroller.clientHeight;
  }
}

function moveFocus(event) {
  const index = table.rows.findIndex((row) => row.server.name === table.focus);
  const page = Math.max(1, Math.floor(byId("scroller").clientHeight / rowHeight()) - 1);
  const targets = {
    ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page,
    Home: 0, End: table.rows.length - 1,
  };
  if (!Object.hasOwn(targets, event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  focusRow(targets[event.key]);
}

// Selects a server and brings its row into sight.
function revealServer(name) {
  if (!isSelected("server", name)) select("server", name);
  if (!table.rows.some((row) => row.server.name === name)) {
    byId("filter").value = "";
    table.filter = "";
    table.buttons.get("all").click();
  }
  focusRow(table.rows.findIndex((row) => row.server.name === name));
  byId("servers-title").scrollIntoView({ block: "nearest" });
}

function startServers() {
  const row = () => element("tr", { class: "spacer", "aria-hidden": "true" });
  table.spacers = [row(), row()];
  for (const column of COLUMNS) {
    const button = element("button", { type: "button" }, column.label, drawn("svg", { class: "tiny", "aria-hidden": "true" }, drawn("use", { href: "#icon-sort" })));
    const cell = element("th", { role: "columnheader", scope: "col", class: column.id }, button);
    cell.dataset.id = column.id;
    button.addEventListener("click", () => sortBy(column.id));
    byId("server-head").append(cell);
    byId("sort-by").append(element("option", { value: column.id }, column.label));
  }
  byId("sort-by").addEventListener("change", (event) => sortBy(event.target.value));
  table.buttons = choices(byId("states"), [["all", "All"], ["up", "Up"], ["out", "Not up"]], "all", (state) => {
    table.state = state;
    byId("scroller").scrollTop = 0;
    refreshServers();
  });
  byId("filter").addEventListener("input", (event) => {
    table.filter = event.target.value.trim().toLowerCase();
    byId("scroller").scrollTop = 0;
    refreshServers();
    announce(`${table.rows.length} servers`);
  });
  byId("filter").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    focusRow(0);
  });
  byId("server-rows").addEventListener("keydown", moveFocus);
  byId("server-rows").addEventListener("click", (event) => {
    const node = event.target.closest("[data-name]");
    if (node === null) return;
    table.focus = node.dataset.name;
    select("server", node.dataset.name);
  });
  byId("scroller").addEventListener("scroll", showServers, { passive: true });
  table.narrow.addEventListener("change", showServers);
  new ResizeObserver(showServers).observe(byId("scroller"));
  selectionListeners.push(showServers);
  showSort();
}
