// What XCom `gate` says, and the history of it: pure functions, without React and without requests.
// An XCom may hold anything: what leaves this file has its type, and is shown as text.

/** The outcomes of a gate, best first: what to call them, and which severity they look like. */
export const OUTCOMES = {
  passed: { title: "Passed", as: "passed" },
  skipped: { title: "Skipped", as: "skipped" },
  timed_out: { title: "Timed out", as: "failing" },
  failed: { title: "Failed", as: "failing" },
  error: { title: "Error", as: "failing" },
};
const SEVERITIES = ["failing", "warning", "tolerated", "degraded", "passed"]; // worst first
const ENDED = new Set(["success", "failed", "skipped", "upstream_failed", "removed"]);

const list = (value) => (Array.isArray(value) ? value.filter((each) => each != null) : []);
const LONGEST = 20_000; // an endless text would keep the browser busy
const asText = (value) => (typeof value === "object" && value ? JSON.stringify(value) : String(value ?? ""));
const HIDDEN = /(?!\n)[\p{Cc}\p{Bidi_Control}]/gu; // what would turn the text around, or show as a box
const text = (value) => asText(value).slice(0, LONGEST).replace(HIDDEN, "");
const MOST = 1e15; // a longer time would flatten the bars of all others
const number = (value) => (value >= 0 && value < MOST && Number.isFinite(value) ? value : null);
const bySeverity = (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);

const part = encodeURIComponent;
export const hasEnded = (state) => ENDED.has(state);
export const isPassed = (severity) => ["degraded", "passed"].includes(severity);
export const milliseconds = (ms) => (ms == null ? "" : `${Math.round(ms)} ms`);

/** Return an address that a link may have: http or https, without a user's name or password, else nothing. */
export function safeLink(value) {
  const url = URL.canParse(text(value)) ? new URL(text(value)) : null;
  const isSafe = ["http:", "https:"].includes(url?.protocol) && !url.username && !url.password;
  return isSafe ? url.href : undefined;
}

/** Return the sessions that a task started: ids, and links made from that of the first one. */
export function readSessions({ check_session_ids: checks, test_session_ids: tests, checkly_link: link }) {
  const ids = list([checks ?? tests].flat()).map(text);
  const first = safeLink(link);
  return ids.map((id) => ({ id, link: ids[0] && safeLink(first?.replace(ids[0], () => part(id))) }));
}

const readLocation = ({ location, response_time_ms: ms, link }) => ({
  location: text(location),
  ms: number(ms),
  link: safeLink(link),
});

function readCheck(check) {
  const [name, status] = [text(check.name), text(check.status)];
  const severity = SEVERITIES.includes(check.severity) ? check.severity : "failing";
  return {
    id: text(check.check_id) || name,
    name: name || text(check.check_id) || "(no name)",
    type: text(check.type),
    status: status || "UNKNOWN",
    severity: severity === "passed" && status === "DEGRADED" ? "degraded" : severity,
    reasons: list(check.reasons).map(text),
    ms: number(check.response_time_ms),
    link: safeLink(check.link),
    locations: list(check.locations).map(readLocation),
  };
}

const readRule = ({ rule, required, actual, met }) => ({
  rule: text(rule),
  required: text(required),
  actual: text(actual),
  met: met === true,
});

/** Return the gate of an XCom, its worst checks first; null where the XCom does not hold one. */
export function readGate(value) {
  if (!Object.hasOwn(OUTCOMES, text(value?.outcome))) return null;
  const rules = list(value.rules).map(readRule);
  const limit = rules.map((rule) => /(?<![\w.+-])([\d.]+) ms/.exec(rule.required)?.[1]).find(Boolean);
  return {
    outcome: value.outcome,
    message: text(value.message),
    rules,
    checks: list(value.checks).map(readCheck).toSorted(bySeverity),
    omitted: number(value.omitted) ?? 0,
    limit: number(Number(limit)),
  };
}

/** Return what a full bar stands for: the longest of these times, or the limit where that is longer. */
export const scaleOf = (times, limit) =>
  times.reduce((most, ms) => Math.max(most, ms ?? 0), Math.max(1, limit ?? 0));

/** Return Markdown as lines of parts: as much of it as a report holds. */
export function readMarkdown(markdown) {
  const lines = text(markdown).split("\n").filter((line) => line.trim());
  return lines.map((line) => ({ isItem: line.startsWith("- "), parts: parts(line.replace(/^- /, "")) }));
}

function* parts(line) {
  const marked = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]*)\]\((\S+?)\)|\\([!-/:-@[-`{-~])/g;
  let end = 0;
  for (const found of line.matchAll(marked)) {
    const [whole, strong, code, label, address, plain] = found;
    yield { text: line.slice(end, found.index) };
    if (strong) yield { tag: "strong", text: strong.replace(/\\(.)/g, "$1") };
    else if (code) yield { tag: "code", text: code };
    else yield plain ? { text: plain } : { link: safeLink(address), text: label };
    end = found.index + whole.length;
  }
  yield { text: line.slice(end) };
}

/**
 * Return the gates of a DAG, each with its worst outcome in every run and its checks.
 * @param runs the ids of the runs, oldest first
 * @param entries XComs `gate`: {taskId, runId, mapIndex, gate}
 */
export function readHistory(runs, entries) {
  const groups = new Map();
  for (const entry of entries) {
    const places = groups.get(entry.taskId) ?? runs.map(() => []);
    places[runs.indexOf(entry.runId)].push(entry);
    groups.set(entry.taskId, places);
  }
  return [...groups].map(([taskId, places]) => ({
    taskId,
    outcomes: places.map((found) => found.toSorted((a, b) => rank(b) - rank(a))[0] ?? null),
    checks: checksOf(places),
    limit: places.flat().at(-1).gate.limit,
  }));
}

const { compare } = new Intl.Collator(undefined, { numeric: true });
const byName = (a, b) => compare(a.latest.name, b.latest.name);
const rank = (entry) => Object.keys(OUTCOMES).indexOf(entry.gate.outcome);

/** Return one row per check, with what it was in every run; those that failed last come first. */
function checksOf(places) {
  const rows = new Map();
  for (const [place, found] of places.entries())
    for (const check of found.flatMap((entry) => entry.gate.checks).toSorted(bySeverity).toReversed()) {
      const row = rows.get(check.id) ?? { cells: places.map(() => null), failed: -1 };
      row.cells[place] = check; // the worst of mapped gates comes last
      rows.set(check.id, { ...row, ...(check.severity === "failing" && { failed: place }), latest: check });
    }
  return [...rows.values()].toSorted((a, b) => b.failed - a.failed || byName(a, b));
}

/** Return by how much times have grown, in percent: the median of the later half against the earlier one. */
export function trendOf(times) {
  const known = times.filter((ms) => ms != null);
  const half = Math.floor(known.length / 2);
  const [before, after] = [known.slice(0, half), known.slice(-half)].map(median);
  return half > 2 && before > 0 ? Math.round((after / before - 1) * 100) : null;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
