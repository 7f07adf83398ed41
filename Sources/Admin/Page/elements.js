// Elements are made here, and texts are set here: only ever as text.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const drawn = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const icon = (name) => drawn("svg", { class: "icon", "aria-hidden": "true" }, drawn("use", { href: "#icon-" + name }));

// These three touch the document only if something changes.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

// Keeps a list's first `values.length` children, made as needed; `show` puts a value into one.
function renderList(parent, values, make, show) {
  while (parent.children.length > values.length) parent.lastElementChild.remove();
  values.forEach((value, i) => {
    if (i === parent.children.length) parent.append(make());
    show(parent.children[i], value, i);
  });
}

// A group of buttons, of which one is pressed.
function choices(parent, options, initial, choose) {
  const buttons = options.map(([value, label]) => {
    const button = element("button", { type: "button", class: "chip" }, label);
    button.addEventListener("click", () => press(value));
    parent.append(button);
    return [value, button];
  });
  function press(value) {
    for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === value));
    choose(value);
  }
  for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === initial));
  return new Map(buttons);
}

// The states of a server, the worst first: the sign and the colour that go with each word.
const STATES = new Map([
  ["down", { sign: "down", tone: "bad" }],
  ["ejected", { sign: "ejected", tone: "bad" }],
  ["marked down", { sign: "marked", tone: "off" }],
  ["joining", { sign: "joining", tone: "fair" }],
  ["up", { sign: "up", tone: "good" }],
]);
const STATE_ORDER = new Map([...STATES.keys()].map((state, i) => [state, i]));
const stateOf = (state) => STATES.get(state) || { sign: "info", tone: "fair" };

const LEVELS = new Map([
  ["error", { sign: "down", tone: "bad", word: "Error" }],
  ["warning", { sign: "ejected", tone: "fair", word: "Warning" }],
  ["info", { sign: "info", tone: "off", word: "Info" }],
]);
const levelOf = (level) => LEVELS.get(level) || LEVELS.get("info");

function showSign(node, { sign, tone }) {
  setAttribute(node, "class", "icon " + tone);
  setAttribute(node.firstChild, "href", "#icon-" + sign);
}

// A bar for a share, with a tick at the ideal one if there is one.
function shareBar() {
  return drawn("svg", { class: "share", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { class: "track", x: 0, y: 3, width: 100, height: 4 }),
    drawn("rect", { class: "part", x: 0, y: 3, width: 0, height: 4 }),
    drawn("path", { class: "ideal", "vector-effect": "non-scaling-stroke" }));
}

function showShare(bar, traffic, ideal, most) {
  const scale = most > 0 ? 100 / most : 0;
  const [, part, tick] = bar.children;
  setAttribute(part, "width", Math.min(100, (traffic || 0) * scale).toFixed(1));
  setAttribute(tick, "d", isNumber(ideal) ? "M" + Math.min(99, ideal * scale).toFixed(1) + " 0v10" : "");
}

// The page's own state: what is selected, and the newest answers.
const view = {
  selected: null, // { kind: "server" | "pool", name }
  status: null,
  servers: [],
  byName: new Map(),
  pools: [],
};

const selectionListeners = [];

const isSelected = (kind, name) =>
  view.selected !== null && view.selected.kind === kind && view.selected.name === name;

// Selects a server or a pool; the same one again, or null, selects all traffic.
function select(kind, name) {
  view.selected = kind === null || isSelected(kind, name) ? null : { kind, name };
  for (const listener of selectionListeners) listener();
}

function announce(text) {
  byId("announce").textContent = text;
}
