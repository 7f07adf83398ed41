// What an edited configuration would move: the preview of a change. It is sent to the proxy, which changes nothing.

const plan = { isAsking: false, text: null };

// The configuration in force, once the panel is opened; an edit is kept.
async function openPlan() {
  const box = byId("plan-text");
  if (plan.text !== null || !byId("plan").open) return;
  try {
    plan.text = (await ask("/api/v1/config")).yaml;
    box.value = plan.text;
  } catch (error) {
    showPlanFault(error.message);
  }
}

function showPlanFault(...lines) {
  byId("plan-answer").replaceChildren(...lines.map((words) => element("p", { class: "fault" }, visible(words))));
}

async function askPlan() {
  if (plan.isAsking) return;
  plan.isAsking = true;
  byId("plan-ask").disabled = true;
  try {
    const answer = await ask("/api/v1/plan", { method: "POST", headers: { "Content-Type": "application/yaml" }, body: byId("plan-text").value });
    if (answer.errors.length > 0) showPlanFault(...answer.errors);
    else byId("plan-answer").replaceChildren(...answer.pools.flatMap(planOfPool), ...planNotes(answer));
  } catch (error) {
    showPlanFault(error.message);
  }
  byId("plan-ask").disabled = false;
  plan.isAsking = false;
}

const MOST_MOVES = 12;

function planOfPool(pool) {
  const servers = pool.servers_before === pool.servers_after ? `${pool.servers_after} servers` : `${pool.servers_before} servers now, ${pool.servers_after} then`;
  const words = `${pool.exact ? "" : "about "}${share(pool.moved)} of the keys move`;
  const nodes = [element("p", { class: "moved" }, element("b", {}, "Pool " + visible(pool.pool) + ": "), words, element("span", { class: "dim" }, ` (${visible(pool.placement)}, ${servers})`))];
  for (const warning of pool.warnings) nodes.push(element("p", { class: "warn" }, "Warning: " + visible(warning)));
  if (pool.moves.length === 0) return nodes;
  const most = pool.moves[0].share;
  const rows = pool.moves.slice(0, MOST_MOVES).map((move) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("width", Math.max(1, 100 * move.share / most) + "%");
    return element("tr", {}, element("td", { class: "mono" }, visible(move.from)), element("td", { class: "mono" }, visible(move.to)),
      element("td", { class: "number" }, share(move.share)), element("td", { class: "bars" }, bar));
  });
  const head = element("tr", {}, ...["From", "To", "Of all keys", ""].map((text) => element("th", { scope: "col" }, text)));
  nodes.push(element("table", { "aria-label": "Keys that move in pool " + visible(pool.pool) }, element("thead", {}, head), element("tbody", {}, ...rows)));
  const rest = pool.moves.slice(MOST_MOVES);
  if (rest.length > 0) nodes.push(element("p", { class: "note" }, `And ${rest.length} more pairs of servers: ${share(rest.reduce((sum, move) => sum + move.share, 0))}.`));
  return nodes;
}

function planNotes(answer) {
  const notes = [
    ...answer.added_pools.map((name) => `Pool ${visible(name)} is new.`),
    ...answer.removed_pools.map((name) => `Pool ${visible(name)} is removed.`),
    ...answer.warnings.map((text) => "Warning: " + visible(text)),
  ];
  return notes.map((text) => element("p", { class: text.startsWith("Warning") ? "warn" : "note" }, text));
}

function startPlan() {
  byId("plan").addEventListener("toggle", openPlan);
  byId("plan-form").addEventListener("submit", (event) => {
    event.preventDefault();
    askPlan();
  });
  byId("plan-reset").addEventListener("click", () => {
    plan.text = null;
    byId("plan-answer").replaceChildren();
    openPlan();
  });
}
