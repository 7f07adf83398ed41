// Three charts of the last ten minutes; the same moment is read in all of them.

const CHARTS = [
  {
    id: "rate", title: "Requests per second", height: 168,
    lines: [
      { name: "requests", class: "l0", value: (series, i) => series.at("requests", i), show: (value) => rate(value) + "/s", isFilled: true },
      { name: "errors", class: "l3 dashed", value: (series, i) => series.at("errors", i), show: (value) => rate(value) + "/s", isSparse: true },
    ],
    scale: (values) => ({ low: 0, high: roundUp(Math.max(...values, 1)), show: (value) => short(rate(value)) }),
  },
  {
    id: "hit", title: "Hit ratio", height: 168,
    lines: [
      { name: "hits", class: "l1", value: (series, i) => hitRatio(series.at("hits", i), series.at("misses", i)), show: (value) => percent(value) },
    ],
    scale: (values) => {
      const least = Math.min(...values, 1);
      const low = [0.9, 0.8, 0.6, 0.4].find((step) => step <= least) || 0;
      return { low, high: 1, show: (value) => percent(value, 0) };
    },
  },
  {
    id: "latency", title: "Latency", height: 168, isLabelled: true,
    lines: [
      { name: "p50", class: "l0", value: (series, i) => series.at("p50", i), show: latency },
      { name: "p99", class: "l2", value: (series, i) => series.at("p99", i), show: latency },
      { name: "p99.9", class: "l4", value: (series, i) => series.at("p999", i), show: latency },
    ],
    scale: (values) => {
      const known = values.filter((value) => value > 0);
      const low = 10 ** Math.floor(Math.log10(Math.min(...known, 0.001)));
      const high = 10 ** Math.ceil(Math.log10(Math.max(...known, low * 10) * 0.999999));
      return { low, high, show: (value) => short(latency(value)), isLogarithmic: true };
    },
  },
];

const MARGIN = { left: 46, right: 8, top: 8, bottom: 20 };
const LABEL = 36; // at the right of a chart whose lines have their names there
const LABEL_HEIGHT = 12;
const reading = { index: null }; // the step that is read, counted from the left; null: the newest

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.9999) || value;
}

function startCharts() {
  for (const chart of CHARTS) {
    chart.legend = element("ul", { class: "legend" });
    for (const line of chart.lines) {
      line.figure = element("span", { class: "figure" }, NONE);
      chart.legend.append(element("li", {},
        drawn("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, drawn("path", { class: "line " + line.class, d: "M0 4h18" })),
        element("span", {}, line.name), line.figure));
      line.area = drawn("path", { class: "area " + line.class });
      line.path = drawn("path", { class: "line " + line.class });
      line.label = drawn("text", { class: "end" });
      line.dot = drawn("circle", { class: "mark " + line.class, r: 3 });
    }
    chart.grid = drawn("g", { class: "grid" });
    chart.cross = drawn("path", { class: "cross" });
    chart.picture = drawn("svg", {
      class: "chart", tabindex: 0, role: "slider", "aria-label": chart.title + ", the moment that is read",
      "aria-valuemin": -STEPS + 1, "aria-valuemax": 0, "aria-orientation": "horizontal",
    }, chart.grid, ...chart.lines.filter((line) => line.isFilled).map((line) => line.area),
      ...chart.lines.map((line) => line.path), ...chart.lines.map((line) => line.label), chart.cross, ...chart.lines.map((line) => line.dot));
    chart.empty = element("p", { class: "empty", hidden: "" });
    byId("charts").append(element("figure", { class: "panel", id: "chart-" + chart.id },
      element("figcaption", {}, element("h3", {}, chart.title), chart.legend), element("div", { class: "plot" }, chart.picture, chart.empty)));
    chart.picture.addEventListener("pointermove", (event) => read(indexAt(chart, event)));
    chart.picture.addEventListener("pointerleave", () => read(null));
    chart.picture.addEventListener("keydown", readByKey);
    chart.picture.addEventListener("blur", () => read(null));
  }
  const moment = element("p", { class: "hint", id: "moment" });
  byId("scope-hint").after(moment);
  byId("scope-clear").addEventListener("click", () => {
    select(null, null);
    byId("charts-title").scrollIntoView({ block: "nearest" });
    announce("Charts show all traffic");
  });
  selectionListeners.push(() => {
    showScope();
    showCharts();
  });
  new ResizeObserver(() => showCharts()).observe(byId("charts"));
  showScope();
}

function showScope() {
  const isAll = view.selected === null;
  setText(byId("scope"), isAll ? "all traffic" : view.selected.kind + " " + visible(view.selected.name));
  byId("scope").classList.toggle("apart", !isAll);
  setHidden(byId("scope-clear"), isAll);
  setHidden(byId("scope-hint"), !isAll);
}

// MARK: - Drawing

function showCharts() {
  const series = history.shown;
  for (const chart of CHARTS) {
    const width = chart.picture.clientWidth;
    if (width > 0) drawChart(chart, series, width);
  }
  showReading();
}

function drawChart(chart, series, width) {
  const { height } = chart;
  chart.right = MARGIN.right + (chart.isLabelled ? LABEL : 0);
  setAttribute(chart.picture, "viewBox", `0 0 ${width} ${height}`);
  chart.width = width;
  const columns = chart.lines.map((line) => Array.from({ length: series.length }, (_, i) => line.value(series, i)));
  const known = columns.flat().filter(isNumber);
  chart.bounds = chart.scale(known);
  chart.columns = columns;
  setHidden(chart.empty, known.length > 0);
  setText(chart.empty, series.length === 0 ? "Waiting for values" : "No requests in this time");
  drawGrid(chart, width, height);
  chart.lines.forEach((line, i) => {
    // Where a sparse line is zero it is left out.
    const { path, area } = pathOf(chart, line.isSparse ? columns[i].map((value) => value || null) : columns[i]);
    setAttribute(line.path, "d", path);
    if (line.isFilled) setAttribute(line.area, "d", area);
    if (chart.isLabelled) showLabel(chart, line, columns[i]);
  });
  if (chart.isLabelled) spreadLabels(chart);
}

// Moves names up that would cover the one below: each line is above the one before it.
function spreadLabels(chart) {
  let above = chart.height;
  for (const { label } of chart.lines) {
    if (label.textContent === "") continue;
    above = Math.min(Number(label.getAttribute("y")), above - LABEL_HEIGHT);
    setAttribute(label, "y", above.toFixed(1));
  }
}

// The name of a line at its right end.
function showLabel(chart, line, column) {
  const last = column.length - 1;
  const isKnown = last >= 0 && column[last] !== null;
  setText(line.label, isKnown ? line.name : "");
  if (!isKnown) return;
  // The mean of the last values, so that the name does not dance.
  const near = column.slice(-15).filter(isNumber);
  setAttribute(line.label, "x", chart.width - chart.right + 6);
  setAttribute(line.label, "y", (yOf(chart, near.reduce((sum, value) => sum + value, 0) / near.length) + 4).toFixed(1));
}

// The left end is ten minutes ago; a shorter series begins later.
const xOf = (chart, index, length) =>
  MARGIN.left + ((index + STEPS - length) / (STEPS - 1)) * (chart.width - MARGIN.left - chart.right);

function yOf(chart, value) {
  const { low, high, isLogarithmic } = chart.bounds;
  const part = isLogarithmic ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  return chart.height - MARGIN.bottom - Math.min(1, Math.max(0, part)) * (chart.height - MARGIN.top - MARGIN.bottom);
}

// A line that is broken where there is no value, and the area below it.
function pathOf(chart, column) {
  const floor = (chart.height - MARGIN.bottom).toFixed(1);
  const path = [];
  const area = [];
  let last = null;
  column.forEach((value, i) => {
    if (value === null) {
      if (last !== null) area.push(`V${floor}Z`);
      last = null;
      return;
    }
    const point = xOf(chart, i, column.length).toFixed(1) + " " + yOf(chart, value).toFixed(1);
    path.push((last === null ? "M" : "L") + point);
    area.push(last === null ? `M${point.split(" ")[0]} ${floor}L${point}` : "L" + point);
    last = point;
  });
  if (last !== null) area.push(`V${floor}Z`);
  return { path: path.join(""), area: area.join("") };
}

function drawGrid(chart, width, height) {
  const marks = [];
  const { low, high, show, isLogarithmic } = chart.bounds;
  const values = isLogarithmic
    ? Array.from({ length: Math.round(Math.log10(high / low)) + 1 }, (_, i) => low * 10 ** i)
    : [low, (low + high) / 2, high];
  for (const value of values) marks.push({ y: yOf(chart, value), text: show(value) });
  const every = width < 400 ? 5 : 2;
  for (let minute = 10; minute >= 0; minute -= every) {
    const x = MARGIN.left + ((10 - minute) / 10) * (width - MARGIN.left - chart.right);
    const isEnd = minute === 0;
    const time = hourAndMinute.format(new Date((history.now - minute * 60) * 1000));
    marks.push({ x, text: isEnd ? "now" : time, anchor: isEnd ? "end" : minute === 10 ? "start" : "middle" });
  }
  renderList(chart.grid, marks, () => drawn("g", {}, drawn("path"), drawn("text")), (mark, { x, y, text, anchor }) => {
    const [line, label] = mark.children;
    if (y !== undefined) {
      setAttribute(line, "d", `M${MARGIN.left} ${Math.round(y) + 0.5}H${width - chart.right}`);
      setAttribute(label, "x", MARGIN.left - 6);
      setAttribute(label, "y", (y + 3.5).toFixed(1));
    } else {
      setAttribute(line, "d", `M${Math.round(x) + 0.5} ${height - MARGIN.bottom}v4`);
      setAttribute(label, "x", x.toFixed(1));
      setAttribute(label, "y", height - 4);
    }
    setAttribute(label, "text-anchor", anchor || "end");
    setText(label, text);
  });
}

// MARK: - Reading a moment

function read(index) {
  reading.index = index;
  showReading();
}

function indexAt(chart, event) {
  const box = chart.picture.getBoundingClientRect();
  const part = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - chart.right);
  const length = history.shown.length;
  const index = Math.round(part * (STEPS - 1)) - (STEPS - length);
  return index < 0 || index >= length ? null : index;
}

function readByKey(event) {
  const length = history.shown.length;
  if (length === 0) return;
  const from = reading.index === null ? length - 1 : reading.index;
  const targets = {
    ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1,
    PageDown: from - 60, PageUp: from + 60, Home: 0, End: length - 1, Escape: null,
  };
  if (!Object.hasOwn(targets, event.key)) return;
  event.preventDefault();
  const target = targets[event.key];
  read(target === null ? null : Math.min(length - 1, Math.max(0, target)));
}

function showReading() {
  const length = history.shown.length;
  const isReading = reading.index !== null && reading.index < length;
  const index = isReading ? reading.index : length - 1;
  const time = clock(history.now - (length - 1 - index));
  setText(byId("moment"), isReading ? "at " + time : "");
  for (const chart of CHARTS) {
    if (!chart.columns) continue;
    const values = chart.columns.map((column) => (index >= 0 && index < column.length ? column[index] : null));
    chart.lines.forEach((line, i) => {
      setText(line.figure, line.show(values[i]));
      const isMarked = isReading && values[i] !== null;
      line.dot.classList.toggle("on", isMarked);
      if (!isMarked) return;
      setAttribute(line.dot, "cx", xOf(chart, index, length).toFixed(1));
      setAttribute(line.dot, "cy", yOf(chart, values[i]).toFixed(1));
    });
    chart.cross.classList.toggle("on", isReading);
    if (isReading) setAttribute(chart.cross, "d", `M${xOf(chart, index, length).toFixed(1)} ${MARGIN.top}V${chart.height - MARGIN.bottom}`);
    setAttribute(chart.picture, "aria-valuenow", index - length + 1);
    const words = chart.lines.map((line, i) => line.name + " " + line.show(values[i])).join(", ");
    setAttribute(chart.picture, "aria-valuetext", (isReading ? time : "now") + ": " + words);
  }
}
