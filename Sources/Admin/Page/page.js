// Asks once per second, shows the answers, and says when there are none.

const POLL = 1000; // milliseconds
const SLOW = 5; // the ring and the hot keys: every fifth poll

const polling = {
  isPaused: false,
  timer: 0,
  isAsking: false,
  number: 0,
  answeredAt: null, // performance.now() of the newest complete answer
  answeredTime: null, // the same on the clock
  failure: null, // the Failure of the newest poll
  states: "",
};

async function poll() {
  if (polling.isAsking || polling.isPaused || document.hidden) return;
  polling.isAsking = true;
  window.clearTimeout(polling.timer);
  const begun = performance.now();
  try {
    const answers = await Promise.all([...["/api/v1/status", "/api/v1/servers", "/api/v1/pools"].map(ask), askHistory()]);
    show(answers, performance.now());
    // What fails here alone is asked again by a later poll.
    for (const one of followUps()) one.catch(() => {});
  } catch (error) {
    fail(error instanceof Failure ? error : new Failure("in a form that this page does not know: " + error.message, false));
  }
  polling.isAsking = false;
  polling.timer = window.setTimeout(poll, Math.max(50, POLL - (performance.now() - begun)));
}

// A reload may have removed the selected server: then all traffic is shown.
async function askHistory() {
  try {
    return await ask(history.path);
  } catch (error) {
    if (error.isSilence || view.selected === null) throw error;
    select(null, null);
    return ask(history.path);
  }
}

function show([status, { servers }, { pools }, steps], time) {
  const isRestarted = view.status !== null && view.status.started !== status.started;
  if (isRestarted) {
    history.clear();
    table.rates.clear();
    poolRates.clear();
    listenerRates.clear();
    clearEvents();
  }
  view.status = status;
  history.add(steps);
  addServers(servers, time);
  addPools(pools, time);
  const isGone = view.selected !== null && view.selected.kind === "pool" && !pools.some((pool) => pool.name === view.selected.name);
  if (isGone) select(null, null);
  showAttention(status);
  showFigures(status);
  showProcess(status, time);
  showCharts();
  if (ring.answer !== null) showRing();
  if (polling.failure !== null && polling.answeredAt !== null) announce("The proxy answers again");
  polling.failure = null;
  polling.answeredAt = time;
  polling.answeredTime = Date.now() / 1000;
  showConnection();
}

// What need not be asked each second.
function followUps() {
  const states = view.servers.map((server) => server.state).join();
  const isChanged = states !== polling.states;
  polling.states = states;
  const isTime = polling.number % SLOW === 0;
  polling.number += 1;
  return [
    isChanged || isTime ? askRing() : null,
    isTime ? askHotkeys() : null,
    followEvents(),
  ].filter((one) => one !== null);
}

function fail(error) {
  if (polling.failure === null) {
    byId("alarm").textContent = error.isSilence ? "The proxy does not answer" : "The proxy answers with an error";
    stopEvents();
  }
  polling.failure = error;
  showConnection();
}

// MARK: - The connection

function showConnection() {
  const { isPaused, failure, answeredAt, answeredTime } = polling;
  const age = answeredAt === null ? null : (performance.now() - answeredAt) / 1000;
  const isLost = failure !== null;
  const state = isLost ? "lost" : isPaused ? "paused" : answeredAt === null ? "waiting" : "live";
  const words = { lost: "No answer", paused: "Paused", waiting: "Connecting", live: "Live" };
  setAttribute(byId("link"), "class", "link " + state);
  setText(byId("link-text"), words[state] + (state === "paused" && answeredTime !== null ? " at " + clock(answeredTime) : ""));
  document.body.classList.toggle("stale", isLost);
  setHidden(byId("outage"), !isLost);
  if (!isLost) {
    byId("alarm").textContent = "";
    return;
  }
  setText(byId("outage-what"), failure.isSilence
    ? `The proxy does not answer: ${failure.message}.` : `The proxy answers with an error: ${failure.message}.`);
  setText(byId("outage-since"), age === null
    ? "It has not answered since this page was opened."
    : `All values below are ${duration(age)} old, from ${clock(answeredTime)}.`);
  document.title = "No answer – ringroad";
}

function setPaused(isPaused) {
  polling.isPaused = isPaused;
  setText(byId("pause"), isPaused ? "Resume" : "Pause");
  if (isPaused) {
    window.clearTimeout(polling.timer);
    stopEvents();
  } else poll();
  showConnection();
}

function start() {
  startAttention();
  startFigures();
  startRing();
  startServers();
  startPools();
  startCharts();
  startHotkeys();
  startEvents();
  startLookup();
  startPlan();
  byId("pause").addEventListener("click", () => setPaused(!polling.isPaused));
  // A hidden page asks nothing; what it missed comes with the first poll.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      window.clearTimeout(polling.timer);
      stopEvents();
    } else poll();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLInputElement || event.target instanceof SVGElement;
    if (event.key === "Escape" && !isTyping && view.selected !== null) select(null, null);
  });
  // A selected server's history is asked for at once.
  selectionListeners.push(poll);
  window.setInterval(() => {
    if (polling.failure !== null) showConnection();
  }, 1000);
  poll();
}

start();
