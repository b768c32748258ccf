// The tab of a task instance: what its gate found, or what it waits for.
import { readTask } from "./airflow.mjs";
import { Fold, Link, Mark, Markdown, Name, Note, Page, Table } from "./elements.mjs";
import { isPassed, milliseconds, OUTCOMES, readGate, readSessions, safeLink, scaleOf } from "./gate.mjs";

const { createElement: h, useEffect, useState } = globalThis.React;
const EFFECTS = { warning: "only a warning", tolerated: "tolerated" };
const FEW = 8; // so many passed checks are shown unfolded
const EVERY = 5000;

export function TaskTab(props) {
  const [{ task, error }, setRead] = useState({});
  const refresh = async () => {
    if (document.hidden) return false;
    try {
      const found = await readTask(props);
      setRead({ task: found });
      return found.hasEnded;
    } catch (problem) {
      setRead((last) => ({ ...last, error: problem })); // what was read before stays
      return Boolean(problem.isFinal);
    }
  };
  useEffect(() => repeat(refresh), []);
  return h(Page, null,
    error && h(Note, null, error.message),
    task ? h(Found, { task }) : !error && h(Note, null, "Reading …"));
}

/** Act again and again, until the action returns true or the returned function is called. */
function repeat(action) {
  let timer = null;
  let isOver = false;
  const turn = async () => {
    isOver = (await action()) || isOver;
    if (!isOver) timer = setTimeout(turn, EVERY);
  };
  turn();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

function Found({ task }) {
  const { gate: value } = task.xcom;
  const gate = readGate(value);
  const sessions = readSessions(task.xcom);
  if (gate) return h(Gate, { gate, task });
  if (sessions.length) return h(Sessions, { sessions, task });
  if (value !== undefined) return h(Note, null, "XCom gate of this task is not a result of Checkly.");
  return h(Note, null, task.hasEnded ? "This task left no result of Checkly." : "There is no result yet.");
}

const Headline = ({ as, title, message, link }) =>
  h("header", null,
    h("h2", null, h(Mark, { as }, title)),
    h("p", null, message),
    link && h(Link, { href: link }, "Open at Checkly ↗"));

function Sessions({ sessions, task }) {
  const link = safeLink(task.xcom.checkly_link); // of the first session
  const [as, title] = task.hasEnded ? ["failing", "No result"] : ["waiting", "Waiting"];
  const message = `${sessions.length} ${task.hasEnded ? "were started" : "under way"} at Checkly.`;
  const rows = sessions.map((each) => [h(Link, { href: each.link }, h(Name, null, each.id))]);
  return [
    h(Headline, { key: "headline", as, title, message, link }),
    h(Table, { key: "sessions", caption: "Sessions", head: ["Id"], rows }),
  ];
}

function Gate({ gate, task }) {
  const { as, title } = OUTCOMES[gate.outcome];
  const timed = gate.checks.flatMap((check) => [check, ...check.locations]).filter((each) => each.ms != null);
  const full = scaleOf(timed.map((each) => each.ms), gate.limit);
  const scale = timed.length > 0 && { limit: gate.limit, full };
  const passed = gate.checks.filter((check) => isPassed(check.severity));
  const others = gate.checks.filter((check) => !isPassed(check.severity));
  const { report, checkly_link: link } = task.xcom;
  return h("div", null,
    h(Headline, { as, title, message: gate.message, link: safeLink(link) }),
    task.state === "up_for_retry" && h(Note, null, `This was try ${task.tries}; Airflow will try again.`),
    h(Checks, { caption: "Checks that did not pass", checks: others, scale }),
    report && gate.outcome !== "passed" &&
      h("details", { open: !others.some((check) => check.reasons.length > 0) },
        h("summary", null, "Report"), h(Markdown, { text: report })),
    h(Rules, { rules: gate.rules }),
    passed.length <= FEW
      ? h(Checks, { caption: "Checks that passed", checks: passed, scale })
      : h("details", null,
          h("summary", null, `${passed.length} checks passed`),
          h(Checks, { caption: "Checks that passed", checks: passed, scale })),
    gate.omitted > 0 && h(Note, null, `${gate.omitted} more checks did not fit into XCom.`));
}

function Rules({ rules }) {
  const met = (each) => h(Mark, { as: each.met ? "passed" : "failing" }, each.met ? "yes" : "no");
  const rows = rules.map((each) => [each.rule, each.required, each.actual, met(each)]);
  const table = { caption: "Rules of the gate", head: ["Rule", "Required", "Actual", "Met"], rows };
  return rows.length > 0 && h(Table, table);
}

function Checks({ caption, checks, scale }) {
  const limit = scale.limit == null ? "" : ` (limit ${milliseconds(scale.limit)})`;
  const head = ["Check", "Status", "Why", ...(scale ? [`Response time${limit}`] : [])];
  const rows = checks.map((check) => [
    h("div", null, h(Link, { href: check.link }, h(Name, null, check.name)), h("small", null, check.type)),
    h("div", null,
      h(Mark, { as: check.severity }, check.status),
      h("small", null, EFFECTS[check.severity])),
    h(Reasons, { reasons: check.reasons }),
    ...(scale ? [h(Times, { check, scale })] : []),
  ]);
  return rows.length > 0 && h(Table, { className: "checkly-checks", caption, head, rows });
}

function Reasons({ reasons }) {
  const items = reasons.map((reason, key) => h("p", { key, className: "checkly-item" }, reason));
  return h(Fold, { items, first: 4, what: "reasons" });
}

/** The response times of a check, the slowest location first; all bars of a page have one scale. */
function Times({ check, scale }) {
  const places = check.locations.length ? check.locations : [{ location: "", ms: check.ms }];
  const items = places.toSorted((a, b) => b.ms - a.ms).map((place, key) => h(Time, { key, ...place, scale }));
  return h(Fold, { items, first: 3, what: "locations" });
}

function Time({ location, ms, link, scale: { limit, full } }) {
  const isSlow = limit != null && ms > limit;
  const share = (value) => `${(100 * value) / full}%`;
  return h("div", { className: "checkly-time" },
    h("span", null, h(Link, { href: link }, h(Name, null, location))),
    h("span", { className: "checkly-bar", "aria-hidden": true },
      h("span", { className: isSlow ? "checkly-slow" : undefined, style: { width: share(ms) } }),
      limit != null && h("span", { className: "checkly-limit", style: { left: share(limit) } })),
    h("span", null, milliseconds(ms) || "no time", isSlow && h("strong", null, " > limit")));
}
