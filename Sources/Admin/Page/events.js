// Events as they happen, over a stream; where that does not work, by asking again.

const events = {
  list: [], // oldest first
  last: 0,
  level: "all",
  source: null,
  isLive: false,
  isAsking: false,
  failures: 0,
  redraw: 0,
};

const MOST_EVENTS = 1000;
const MOST_SHOWN = 200;
const STREAM_TRIES = 3; // without a connection, before the page asks instead

function addEvents(list) {
  const fresh = list.filter((event) => event && event.seq > events.last);
  if (fresh.length === 0) return;
  events.list = events.list.concat(fresh).slice(-MOST_EVENTS);
  events.last = fresh[fresh.length - 1].seq;
  // Many may arrive at once.
  if (events.redraw === 0) {
    events.redraw = window.setTimeout(() => {
      events.redraw = 0;
      showEvents();
    }, 50);
  }
}

function clearEvents() {
  stopEvents();
  events.list = [];
  events.last = 0;
  showEvents();
}

async function askEvents() {
  addEvents((await ask("/api/v1/events?since=" + events.last)).events);
}

// Called with every poll: opens the stream if there is none, or asks for what a stream would have brought.
async function followEvents() {
  if (events.isLive || events.isAsking || events.source !== null) return;
  events.isAsking = true;
  try {
    await askEvents();
    if (events.failures < STREAM_TRIES) openStream();
  } finally {
    events.isAsking = false;
    showHow();
  }
}

function openStream() {
  if (events.source !== null || document.hidden || polling.isPaused || polling.failure !== null) return;
  const source = new EventSource("/api/v1/events?since=" + events.last);
  events.source = source;
  source.addEventListener("open", () => {
    events.isLive = true;
    events.failures = 0;
    showHow();
  });
  source.addEventListener("message", (message) => {
    try {
      addEvents([JSON.parse(message.data)]);
    } catch {
      // Not an event of this page's kind; the next poll asks for it.
      stopEvents();
    }
  });
  source.addEventListener("error", () => {
    if (events.source !== source) return;
    events.failures += 1;
    stopEvents();
  });
}

function stopEvents() {
  if (events.source !== null) events.source.close();
  events.source = null;
  events.isLive = false;
  showHow();
}

function showHow() {
  setText(byId("events-how"), events.isLive ? "live" : events.failures >= STREAM_TRIES ? "asked every second" : "");
}

function showEvents() {
  const wanted = events.list.filter((event) => events.level === "all" || event.level !== "info");
  const shown = wanted.slice(-MOST_SHOWN).reverse();
  const now = view.status ? view.status.now : null;
  renderList(byId("events"), shown, makeEvent, (row, event) => {
    const [time, sign, text, fields] = row.children;
    const level = levelOf(event.level);
    setText(time, clock(event.time, now));
    if (isNumber(event.time)) setAttribute(time, "datetime", new Date(event.time * 1000).toISOString());
    showSign(sign.firstChild, level);
    setText(sign.lastChild, level.word);
    setText(text, visible(event.text));
    showFields(fields, event.fields || {});
  });
  setText(byId("events-empty"), shown.length > 0 ? "" : events.level === "all" ? "No events yet" : "No warnings");
}

function makeEvent() {
  return element("li", {}, element("time"), element("span", { class: "sign" }, icon("info"), element("span", { class: "hidden" })),
    element("span", { class: "text" }), element("span", { class: "fields" }));
}

function showFields(node, fields) {
  const pairs = Object.entries(fields).slice(0, 12);
  renderList(node, pairs, () => element("span", {}, element("span", { class: "dim" }), element("span")), (pair, [name, value]) => {
    setText(pair.children[0], visible(name) + " ");
    setText(pair.children[1], visible(value));
    pair.classList.toggle("reason", ["cause", "reason", "why"].includes(name));
  });
}

function startEvents() {
  choices(byId("events-level"), [["all", "All"], ["warnings", "Warnings and errors"]], "all", (level) => {
    events.level = level;
    showEvents();
  });
  showEvents();
}
