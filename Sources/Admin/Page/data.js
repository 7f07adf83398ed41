// What the proxy answers, and what follows from several answers: rates and series.

const FIELDS = ["requests", "hits", "misses", "errors", "p50", "p99", "p999"];
const STEPS = 600;
const ANSWER_TIMEOUT = 5000; // milliseconds

// Why there are no values, in words that can be shown.
class Failure extends Error {
  constructor(words, isSilence) {
    super(words);
    this.isSilence = isSilence; // there was no answer at all
  }
}

// `options`: those of fetch, for a request that is no plain GET.
async function ask(path, options = {}) {
  let reply;
  let text;
  try {
    reply = await fetch(path, { signal: AbortSignal.timeout(ANSWER_TIMEOUT), cache: "no-store", ...options });
    text = await reply.text();
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new Failure(isLate ? `no answer within ${ANSWER_TIMEOUT / 1000} s` : "no connection", true);
  }
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Failure(`${path.split("?")[0]}: status ${reply.status}, and no JSON`, false);
  }
  if (!reply.ok) throw new Failure(answer && answer.error ? visible(answer.error) : `status ${reply.status}`, false);
  return answer;
}

// The history of all traffic, a pool or a server: a value for each second, at most ten minutes.
class Series {
  constructor() {
    this.last = -1;
    this.values = Object.fromEntries(FIELDS.map((field) => [field, []]));
  }

  get length() {
    return this.values.requests.length;
  }

  // Adds the steps from `first` to `last`; those that are known already are left out.
  add(first, last, part) {
    if (!part || last < first) return;
    const isContinued = this.length > 0 && first <= this.last + 1 && last >= this.last - STEPS;
    const skipped = isContinued ? Math.max(0, this.last + 1 - first) : 0;
    for (const field of FIELDS) {
      const kept = isContinued ? this.values[field] : [];
      const added = (Array.isArray(part[field]) ? part[field] : []).slice(skipped);
      this.values[field] = kept.concat(added).slice(-STEPS);
    }
    this.last = isContinued ? Math.max(last, this.last) : last;
  }

  at(field, index) {
    const value = this.values[field][index];
    return isNumber(value) ? value : null;
  }
}

function hitRatio(hits, misses) {
  return isNumber(hits) && isNumber(misses) && hits + misses > 0 ? hits / (hits + misses) : null;
}

// Counters of named things as rates over about five seconds.
class Rates {
  constructor() {
    this.samples = [];
  }

  add(time, list) {
    const counters = new Map();
    for (const one of list) counters.set(one.name, [one.requests, one.hits, one.misses, one.errors]);
    this.samples.push({ time, counters });
    while (this.samples.length > 2 && time - this.samples[1].time > 4900) this.samples.shift();
  }

  clear() {
    this.samples = [];
  }

  of(name) {
    const newest = this.samples[this.samples.length - 1];
    const oldest = this.samples.find((sample) => sample.counters.has(name));
    const unknown = { rate: null, hit: null, errors: null };
    if (!oldest || newest === oldest || !newest.counters.has(name)) return unknown;
    const after = newest.counters.get(name);
    const before = oldest.counters.get(name);
    const change = after.map((value, i) => value - before[i]);
    const seconds = (newest.time - oldest.time) / 1000;
    // A counter that fell began again.
    if (seconds <= 0 || change.some((value) => !isNumber(value) || value < 0)) return unknown;
    return { rate: change[0] / seconds, hit: hitRatio(change[1], change[2]), errors: change[3] / seconds };
  }
}

// All series that are kept: the total, every pool, and the selected server.
const history = {
  total: new Series(),
  pools: new Map(),
  servers: new Map(),
  now: 0, // the proxy's clock when `total.last` was the newest finished step

  clear() {
    this.total = new Series();
    this.pools.clear();
    this.servers.clear();
  },

  add(answer) {
    // The steps of a proxy that was restarted begin again.
    if (answer.last < this.total.last) this.clear();
    this.now = answer.now;
    this.total.add(answer.first, answer.last, answer.total);
    for (const [kept, parts] of [[this.pools, answer.pools], [this.servers, answer.servers]]) {
      for (const [name, part] of Object.entries(parts || {})) {
        if (!kept.has(name)) kept.set(name, new Series());
        kept.get(name).add(answer.first, answer.last, part);
      }
    }
    for (const name of this.servers.keys()) if (!isSelected("server", name)) this.servers.delete(name);
    for (const name of this.pools.keys()) if (!Object.hasOwn(answer.pools || {}, name)) this.pools.delete(name);
  },

  // What to ask for: what is new, and the selected server from its beginning.
  get path() {
    const wanted = [];
    const name = view.selected && view.selected.kind === "server" ? view.selected.name : null;
    if (this.total.last >= 0 && (name === null || this.servers.has(name))) wanted.push("since=" + this.total.last);
    if (name !== null) wanted.push("server=" + encodeURIComponent(name));
    return "/api/v1/history" + (wanted.length > 0 ? "?" + wanted.join("&") : "");
  },

  // The series that the charts show.
  get shown() {
    if (view.selected === null) return this.total;
    const kept = view.selected.kind === "pool" ? this.pools : this.servers;
    return kept.get(view.selected.name) || new Series();
  },
};
