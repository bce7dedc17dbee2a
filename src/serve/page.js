"use strict";
// Everything comes from /view and is put in as text, never as HTML: names are whatever somebody gave.
const at = (id) => document.getElementById(id);
const tone = {
  in_sync: "good", idle: "good", applied: "good", unchanged: "quiet", starting: "calm", passing: "calm",
  pending: "calm", standby: "calm", reported: "calm", stopping: "calm", waiting: "caution", drifted: "caution",
  prunable: "caution", waiting_for_approval: "caution", partial: "caution", degraded: "caution", watch_impaired: "caution", not_started: "caution",
  set_invalid: "bad", root_unknown: "bad", platform_away: "bad", contested: "bad", failing: "bad", failed: "bad",
  blocked: "bad", refused: "caution", unreadable: "bad", unknown: "bad",
};
const title = {
  idle: "In sync", passing: "Pass running", starting: "Starting", standby: "Waiting for another run",
  platform_away: "The platform does not answer", root_unknown: "A folder is gone", set_invalid: "Invalid manifests",
  waiting_for_approval: "Waiting for approval", degraded: "Degraded", watch_impaired: "Changes of files are noticed late", stopping: "Stopping",
};
const actionTone = { create: "good", update: "caution", assign: "calm", delete: "bad" };

// What acts on a reader instead of being seen is spelt out, as in every other output.
const acting = /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;
const seen = (text) => text.replace(acting, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
const read = async (answer) =>
  JSON.parse(await answer.text(), (_, value) => (typeof value === "string" ? seen(value) : value));

function make(tag, classes, ...inside) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...inside.filter((part) => part !== null && part !== undefined && part !== ""));
  return element;
}
const words = (text) => String(text).replace(/_/g, " ");
const tag = (text, kind) => make("span", "tag " + (kind || tone[text] || "quiet"), words(text));
const number = (value) => Number(value).toLocaleString("en");
const plural = (count, one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;

function span(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const whole = Math.max(0, Math.round(seconds));
  const first = parts.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = parts[first];
  const text = `${Math.floor(whole / size)} ${unit}`;
  const next = parts[first + 1];
  const rest = next && unit !== "min" ? Math.floor((whole % size) / next[1]) : 0;
  return rest ? `${text} ${rest} ${next[0]}` : text;
}
// Times are told as spans that move with the clock of the browser.
const moving = new Set();
function since(time, before, after) {
  const element = make("span", "when");
  element.title = new Date(time).toLocaleString();
  const update = () => {
    element.textContent = `${before}${span((Date.now() - new Date(time)) / 1000)}${after}`;
  };
  update();
  moving.add({ element, update });
  return element;
}
function due(time, before) {
  const element = make("span", "when");
  element.title = new Date(time).toLocaleString();
  const update = () => {
    const left = (new Date(time) - Date.now()) / 1000;
    element.textContent = before + (left > 1 ? `in ${span(left)}` : "now");
  };
  update();
  moving.add({ element, update });
  return element;
}
function until(time) {
  const element = make("span", "when");
  element.title = new Date(time).toLocaleString();
  const update = () => {
    const left = (new Date(time) - Date.now()) / 1000;
    element.textContent = left > 0 ? `${span(left)} left` : `expired ${span(-left)} ago`;
    element.className = "when " + (left < 86400 ? "bad" : left < 7 * 86400 ? "caution" : "");
  };
  update();
  moving.add({ element, update });
  return element;
}
setInterval(() => {
  for (const entry of moving) {
    if (entry.element.isConnected) entry.update();
    else moving.delete(entry);
  }
}, 1000);

function value(it) {
  if (it === null || it === undefined) return "(not set)";
  return typeof it === "string" && it !== "" ? it : JSON.stringify(it);
}
function diff(rows) {
  const body = make("tbody", "", ...rows.map(({ field, before, after, more }) =>
    make("tr", "",
      make("th", "", make("code", "", field)),
      make("td", "",
        before === undefined ? null : make("code", "", make("del", "", value(before))),
        before === undefined || after === undefined ? null : " → ",
        after === undefined ? null : make("code", "", make("ins", "", value(after))),
        more || null))));
  return make("table", "diff", body);
}

// A part that says the same as before is left alone: text stays selected, folds stay open.
const shown = new Map();
function fill(id, data, build) {
  const text = JSON.stringify(data);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  at(id).replaceChildren(...build());
}

function banner(status, objects) {
  at("stack").textContent = `· stack ${status.stack} · ${status.platform.replace(/^https?:\/\//, "").replace(/\/$/, "")}`;
  // What is left on purpose is no trouble of the daemon's, and a person should see it all the same.
  const isLeft = status.state === "idle" && objects.some((object) => object.state !== "in_sync");
  const headline = isLeft ? "In sync, except for the objects below" : title[status.state] || words(status.state);
  at("banner").className = "banner " + (isLeft ? "caution" : tone[status.state] || "calm");
  at("state").textContent = headline;
  at("says").textContent = isLeft ? "everything else on the platform matches the manifests" : status.says;
  document.title = `${headline} · ${status.stack}`;
  const pass = status.pass;
  at("progress").hidden = !pass;
  if (pass) at("done").style.width = `${pass.planned ? (100 * pass.settled) / pass.planned : 8}%`;
  fill("facts", [status.replica, status.last_success, status.next_pass, status.files, status.set.good, status.version, pass, status.events?.state, status.events?.since], () => {
    const facts = [];
    const fact = (name, ...what) => facts.push(make("li", "", make("span", "", name), ...what));
    if (pass) fact("pass", `${words(pass.trigger)}, ${pass.planned === null ? "planning" : `${pass.settled} of ${plural(pass.planned, "step")}`}`);
    if (status.last_success) fact("last in sync", since(status.last_success, "", " ago"));
    else fact("last in sync", "not yet");
    if (status.next_pass && !pass) fact("next pass", due(status.next_pass, ""));
    if (status.set.good) {
      fact("set in force", make("code", "", status.set.good.fingerprint.slice(0, 12)), ", ", since(status.set.good.since, "for ", ""));
      const commit = status.set.good.commit;
      if (commit) {
        fact("commit", make("code", "", commit.id.slice(0, 7)), " ", [commit.subject, commit.author].filter(Boolean).join(", "));
      }
      fact("declares", plural(status.set.good.objects, "object"));
    }
    const events = status.events;
    if (events) fact("changes", events.state === "connected" ? "heard " : `${words(events.state)} `, since(events.since, "for ", ""));
    if (status.replica) {
      const { members, shares, shares_in_all: all } = status.replica;
      fact("shared by", plural(members, "daemon"), `, ${number(shares)} of ${plural(all, "share")} here`);
    }
    fact("version", status.version);
    return facts;
  });
}

function attention(status) {
  const approval = status.approval;
  const conditions = status.conditions;
  const wait = status.calls_wait;
  const pauses = status.pauses;
  const closed = status.window;
  const unheard = status.events?.trouble;
  at("attention").hidden = !approval && !conditions.length && !wait && !unheard && !pauses.length && !closed;
  fill("attention-list", [approval, conditions, wait, unheard, pauses, closed], () => {
    const rows = conditions
      .filter((condition) => !(approval && condition.state === "waiting_for_approval"))
      .map((condition) =>
        make("div", "row", make("div", "line", tag(condition.state), make("span", "", condition.says),
          make("span", "end fine", since(condition.since, "for ", "")))));
    if (wait) {
      rows.unshift(make("div", "row", make("div", "line", tag("calls wait", "caution"), make("span", "", wait.why),
        make("span", "end fine", since(wait.since, "for ", "")))));
    }
    for (const pause of pauses) {
      const by = [pause.by.user, pause.by.host].filter(Boolean).join(" on ");
      rows.push(make("div", "row", make("div", "line", tag("paused", "caution"), make("code", "name", pause.scope),
        make("span", "end fine", due(pause.until, "ends "))), make("p", "", pause.reason), make("p", "fine", `by ${by}`)));
    }
    if (closed) {
      rows.push(make("div", "row", make("div", "line", tag("window closed", "caution"),
        make("span", "", `risky steps wait ${closed}`))));
    }
    if (unheard) {
      rows.push(make("div", "row", make("div", "line", tag("changes are not heard", "caution"), make("span", "", unheard),
        make("span", "end fine", since(status.events.since, "for ", "")))));
    }
    if (approval) {
      const copy = make("button", "", "Copy");
      copy.type = "button";
      copy.addEventListener("click", () => navigator.clipboard?.writeText(approval.command)
        .then(() => { copy.textContent = "Copied"; }).catch(() => {}));
      rows.unshift(make("div", "row",
        make("div", "line", tag("waiting_for_approval"), make("span", "name", "A guard refused this plan"),
          make("span", "end fine", since(approval.since, "for ", ""))),
        ...approval.refusals.map((refusal) => make("p", "", refusal.reason)),
        make("p", "fine", "Review the plan under Passes; this command approves exactly that plan:"),
        make("div", "command", make("code", "", approval.command), copy)));
    }
    return rows;
  });
}

function findings(status) {
  const list = status.set.findings;
  at("findings").hidden = !list.length;
  fill("findings-list", list, () => list.map((finding) =>
    make("div", "row",
      make("div", "line", tag(finding.code, "bad"), make("span", "", finding.message)),
      finding.place ? make("div", "fine", make("code", "", finding.place)) : null)));
}

function by(changed) {
  if (!changed) return null;
  const parts = [changed.app || null, changed.token_id ? `token ${changed.token_id}` : null, changed.host || null];
  return make("p", "fine", `changed by ${parts.filter(Boolean).join(", ") || "somebody"}`,
    changed.at ? since(changed.at, ", ", " ago") : null);
}
const head = (object) => make("div", "line", tag(object.state), make("code", "name", object.address),
  make("span", "end fine", since(object.since, "for ", "")));

function drift(objects) {
  const list = objects.filter((object) => object.state === "drifted" || object.state === "contested");
  at("drift").hidden = !list.length;
  at("drift-note").textContent = `${plural(list.length, "object")}, on the platform → in the manifests`;
  fill("drift-list", list, () => list.map((object) =>
    make("div", "row", head(object),
      object.reason ? make("p", "fine", object.reason) : null,
      diff((object.fields || []).map((field) => ({
        field: field.field, before: field.found, after: field.wanted,
        more: make("span", "fine", field.contested ? ` came back ${field.returns} times` : "", by(field.by)),
      }))))));
}

function trouble(objects) {
  const list = objects.filter((object) => !["in_sync", "drifted", "contested", "pending"].includes(object.state));
  at("trouble").hidden = !list.length;
  at("trouble-note").textContent = plural(list.length, "object");
  fill("trouble-list", list, () => list.map((object) =>
    make("div", "row", head(object),
      object.reason ? make("p", "", object.reason) : null,
      make("p", "fine",
        object.source ? make("code", "", object.source) : null,
        object.failures ? ` · ${plural(object.failures, "try").replace("trys", "tries")} failed` : "",
        object.retry_at ? due(object.retry_at, " · next try ") : ""))));
}

const folded = new Map();
let filter = [];
function tree(view) {
  const isStale = view.status.conditions.some((condition) => condition.state === "platform_away");
  for (const id of ["tree-list", "tokens-list", "drift-list", "trouble-list"]) at(id).classList.toggle("stale", isStale);
  const paths = Object.keys(view.accounts).sort();
  const objects = new Map(paths.map((path) => [path, []]));
  for (const object of view.objects) objects.get(object.account)?.push(object);
  const total = Object.values(view.accounts).flatMap((states) => Object.values(states)).reduce((a, b) => a + b, 0);
  at("tree-note").textContent = `${plural(paths.length, "account")}, ${plural(total, "object")}` +
    (view.not_listed ? `; ${number(view.not_listed)} in sync are not listed` : "");
  at("stale").hidden = !isStale;
  if (isStale) {
    fill("stale", view.status.last_read, () => view.status.last_read
      ? ["The platform cannot be read. What is shown is as it was ", since(view.status.last_read, "", " ago"), "."]
      : ["The platform cannot be read, and was not read before."]);
  }
  const fits = (object) => filter.every((word) =>
    `${object.address} ${words(object.state)} ${object.state}`.toLowerCase().includes(word));
  fill("tree-list", [view.accounts, view.objects, filter], () => {
    const out = [];
    for (const path of paths) {
      const isWell = (object) => object.state === "in_sync";
      const held = objects.get(path).filter(fits)
        .sort((a, b) => isWell(a) - isWell(b) || (a.address < b.address ? -1 : 1));
      if (filter.length && !held.length) continue;
      const states = Object.entries(view.accounts[path]).sort((a, b) => b[1] - a[1]);
      const details = make("details", "",
        make("summary", "", make("span", "name", path ? path.split("/").pop() : "root account"),
          ...states.map(([state, count]) => make("span", "tag " + tone[state], `${number(count)} ${words(state)}`)),
          states.length ? null : make("span", "tag quiet", "empty")),
        ...held.map((object) => {
          const mark = make("span", "dot end " + tone[object.state], words(object.state));
          return make("div", "object line", make("span", "kind", object.kind), make("span", "", object.name), mark);
        }));
      const allWell = states.every(([state]) => state === "in_sync");
      details.open = filter.length > 0 || (folded.get(path) ?? (!allWell || paths.length <= 8));
      details.addEventListener("toggle", () => { if (!filter.length) folded.set(path, details.open); });
      const depth = path ? path.split("/").length : 0;
      const row = make("div", "account" + (depth ? "" : " top"), details);
      row.style.setProperty("--depth", Math.max(0, depth - 1));
      out.push(row);
    }
    return out.length ? out : [make("p", "none", filter.length ? "No match." : "Nothing is declared yet.")];
  });
}

async function plan(run, into) {
  try {
    const pass = await read(await fetch(`/passes/${encodeURIComponent(run)}`, { cache: "no-store" }));
    const steps = (pass.plan && pass.plan.steps) || [];
    into.replaceChildren(...steps.slice(0, 200).map((step) =>
      make("div", "step",
        make("div", "line", tag(step.action, actionTone[step.action]), make("code", "name", step.address)),
        step.changes.length ? diff(step.changes.map(({ field, before, after }) =>
          ({ field, before: before === null ? undefined : before, after }))) : null,
        make("p", "fine", `because ${step.reason}`))),
    steps.length > 200 ? make("p", "fine", `and ${number(steps.length - 200)} more; see /status`) : "",
    steps.length ? "" : make("p", "fine", "This pass had no steps."));
  } catch {
    into.replaceChildren(make("p", "fine", "This pass is no longer recorded."));
  }
}

const open = new Set();
let newest = null;
function passes(status) {
  const list = status.passes;
  fill("passes-list", list, () => {
    const fresh = newest !== null && list.length && list[0].run !== newest;
    newest = list.length ? list[0].run : "";
    return list.map((pass, index) => {
      const done = {};
      for (const step of pass.steps) done[step.outcome] = (done[step.outcome] || 0) + step.count;
      const sums = Object.entries(done).map(([outcome, count]) => `${number(count)} ${words(outcome)}`).join(", ");
      const line = make("span", "line",
        tag(pass.outcome), make("span", "", words(pass.trigger)),
        make("span", "fine", sums),
        make("span", "end fine", since(pass.began, "", " ago")));
      const calls = pass.calls.reduce((sum, call) => sum + call.calls, 0);
      const cost = make("p", "fine", `${span(pass.duration_ms / 1000)} · ${plural(calls, "call")} · `, make("code", "", pass.run));
      const error = pass.error ? make("p", "", pass.error) : null;
      if (!pass.has_plan) return make("div", "row" + (fresh && !index ? " new" : ""), line, error, error ? cost : null);
      const into = make("div", "");
      const details = make("details", "row" + (fresh && !index ? " new" : ""), make("summary", "", line), error, cost, into);
      const load = () => { if (details.open) { open.add(pass.run); plan(pass.run, into); } else open.delete(pass.run); };
      details.addEventListener("toggle", load);
      details.open = open.has(pass.run);
      return details;
    });
  });
  if (!list.length) at("passes-list").replaceChildren(make("p", "none", "No pass has ended yet."));
}

function tokens(view) {
  at("tokens-note").textContent = view.tokens.length ? "least time first" : "";
  const any = view.objects.some((object) => object.kind === "token");
  fill("tokens-list", [view.tokens, any], () => view.tokens.length
    ? view.tokens.map(([address, end]) => make("div", "row line", make("code", "", address.replace(/^token\//, "")),
      make("span", "end", until(end))))
    : [make("p", "none", any ? "No token has a known expiry." : "No tokens yet.")]);
}

function files(status) {
  const { files: found, interval_seconds: interval } = status;
  fill("files-list", [found, interval], () => [
    ...found.roots.map((root) => make("div", "row",
      make("div", "line", make("code", "", root.path), root.unknown ? tag("unknown") : null),
      root.unknown ? make("p", "", root.unknown) : null)),
    make("p", "fine", `${plural(found.files, "file")} · ${plural(found.folders_watched, "folder")} watched` +
      (found.folders_watched ? "" : ", only rescans") + ` · rescan every ${span(found.rescan_seconds)}` +
      ` · platform every ${span(interval)}`),
    found.trouble ? make("p", "", found.trouble) : "",
  ]);
}

function draw(view) {
  const { status } = view;
  banner(status, view.objects);
  attention(status);
  findings(status);
  drift(view.objects);
  trouble(view.objects);
  tree(view);
  passes(status);
  tokens(view);
  files(status);
}

let tagged = null, last = null, timer = null;
async function look() {
  clearTimeout(timer);
  let pause = 2000;
  try {
    const answer = await fetch("/view", { cache: "no-store", headers: tagged ? { "if-none-match": tagged } : {} });
    if (answer.status === 200) {
      tagged = answer.headers.get("etag");
      last = await read(answer);
      draw(last);
    } else if (answer.status !== 304) throw new Error(answer.status);
    at("live").className = "live on";
    at("live").textContent = "live";
    if (last && last.status.pass) pause = 700;
  } catch {
    at("live").className = "live lost";
    at("live").textContent = "no answer; trying again";
  }
  timer = setTimeout(look, document.hidden ? 5 * pause : pause);
}

at("wake").addEventListener("click", async () => {
  at("wake").disabled = true;
  try {
    const answer = await fetch("/wake", { method: "POST", headers: { "x-flespi-gitops": "wake" } });
    at("wake").title = answer.ok ? "A pass begins" : (await answer.text()).trim();
    if (!answer.ok) at("wake").textContent = "Not from here";
  } catch { /* the next look says that there is no answer */ }
  setTimeout(() => { at("wake").disabled = false; look(); }, 600);
});
let typing;
at("filter").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    filter = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    if (last) tree(last);
  }, 120);
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
