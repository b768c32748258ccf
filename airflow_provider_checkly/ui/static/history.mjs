// The tab of a DAG or task: its gates in the last runs, check by check, so that a slow decline is seen.
import { pageOf, readRuns, RUNS } from "./airflow.mjs";
import { Link, Mark, Name, Note, Page, Table } from "./elements.mjs";
import { isPassed, milliseconds, OUTCOMES, readHistory, scaleOf, trendOf } from "./gate.mjs";

const { createElement: h, useEffect, useState } = globalThis.React;
const HEIGHTS = { failing: 16, warning: 11, tolerated: 11, degraded: 8, skipped: 8, passed: 5 };
const BARS = 18;
const LINE = 32;
const WIDEST = 540;

const NOTHING = { runs: [], entries: [], omitted: 0 };

export function HistoryTab(props) {
  const [{ runs, entries, omitted, total, error, isReading }, setRead] = useState(NOTHING);
  const more = () => {
    setRead((last) => ({ ...last, error: null, isReading: true }));
    const failed = (problem) => setRead((last) => ({ ...last, error: problem, isReading: false }));
    readRuns(props, runs.length).then((page) => setRead(joined(page, { runs, entries, omitted })), failed);
  };
  useEffect(more, []);
  const gates = readHistory(runs.map((run) => run.id), entries);
  return h(Page, null,
    error && h(Note, null, error.message),
    isReading && h(Note, null, "Reading …"),
    total != null && !gates.length && h(Note, null, `${runs.length} runs left no result of Checkly.`),
    omitted > 0 && h(Note, null, `${omitted} more results of mapped tasks were not read.`),
    gates.map((gate) => h(Gate, { key: gate.taskId, gate, runs, dagId: props.dagId })),
    runs.length < total &&
      h("button", { type: "button", onClick: more, disabled: isReading },
        `Show ${Math.min(RUNS, total - runs.length)} older runs`));
}

/** Return what is shown with a page of older runs before it; runs may have moved on to it meanwhile. */
const joined = (page, { runs, entries, omitted }) => ({
  runs: [...page.runs.filter((run) => !runs.some(({ id }) => id === run.id)), ...runs],
  entries: [...page.entries, ...entries],
  total: page.total,
  omitted: page.omitted + omitted,
});

function Gate({ gate, runs, dagId }) {
  const bar = (entry, place) => entry && {
    as: OUTCOMES[entry.gate.outcome].as,
    title: `${runs[place].at}: ${OUTCOMES[entry.gate.outcome].title}. ${entry.gate.message}`,
    href: pageOf(dagId, entry),
  };
  const latest = OUTCOMES[gate.outcomes.findLast(Boolean).gate.outcome];
  const strip = h(Strip, { bars: gate.outcomes.map(bar) });
  const outcome = [h("strong", null, "Outcome"), strip, h(Mark, latest, latest.title), null];
  const rows = gate.checks.map((check) => row(check, gate.limit, runs));
  const head = ["Check", `Last ${runs.length} runs, oldest first`, "Latest", "Trend"];
  const caption = h(Name, null, gate.taskId);
  return h(Table, { className: "checkly-history", caption, head, rows: [outcome, ...rows] });
}

function row({ cells, latest }, limit, runs) {
  const times = cells.map((cell) => cell?.ms ?? null);
  const trend = trendOf(times);
  const bars = cells.map((cell, place) => cell && {
    as: cell.severity,
    title: [`${runs[place].at}: ${cell.status}`, milliseconds(cell.ms), ...cell.reasons].join(" "),
  });
  return [
    h(Link, { href: latest.link }, h(Name, null, latest.name)),
    h(Strip, { bars, times, limit }),
    h("span", null, h(Mark, { as: latest.severity }, latest.status), " ", milliseconds(latest.ms)),
    trend != null && `${trend > 0 ? "+" : ""}${trend} %`,
  ];
}

/** One bar per run, higher where its status is worse; below it the response times as a line. */
function Strip({ bars, times, limit }) {
  const wide = Math.max(5, Math.min(14, WIDEST / bars.length));
  const known = bars.filter(Boolean);
  const label = `${known.filter((bar) => isPassed(bar.as)).length} of ${known.length} passed`;
  const size = { width: wide * bars.length, height: times ? BARS + LINE : BARS };
  return h("svg", { ...size, role: known.some((bar) => bar.href) ? "group" : "img", "aria-label": label },
    bars.map((bar, place) => bar && h(Bar, { key: place, bar, x: place * wide, wide })),
    times?.some(Number.isFinite) && h(Line, { times, limit, wide, size }));
}

function Bar({ bar: { as, title, href }, x, wide }) {
  const area = { x: x + 1, y: BARS - HEIGHTS[as] - 1, width: wide - 2, height: HEIGHTS[as] };
  const rect = h("rect", { className: `checkly-${as}`, ...area }, h("title", null, title));
  return href ? h("a", { href, "aria-label": title }, rect) : rect;
}

function Line({ times, limit, wide, size }) {
  const highest = scaleOf(times, 0);
  const full = limit < 2 * highest ? scaleOf(times, limit) : highest; // a far limit would flatten the line
  const y = (ms) => size.height - 1 - (ms / full) * (LINE - 4);
  const points = times.map((ms, place) => ms != null && `${(place + 0.5) * wide},${y(ms)}`).filter(Boolean);
  const across = { x1: 0, x2: size.width, y1: y(limit), y2: y(limit) };
  return [
    limit != null && limit <= full && h("line", { key: "limit", className: "checkly-limit", ...across }),
    h("polyline", { key: "times", points: points.join(" ") }),
  ];
}
