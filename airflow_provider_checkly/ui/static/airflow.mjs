// What the tabs ask Airflow's own REST API, with the user's session, so that Airflow's permissions hold.
import { hasEnded, readGate } from "./gate.mjs";

const KEYS = ["gate", "report", "checkly_link", "check_session_ids", "test_session_ids"];
const MOST = 100; // what Airflow lists at once, with its defaults
const REFUSALS = { 401: "Log in to Airflow again.", 403: "You may not read the XCom of this DAG." };
const MOST_GATES = 500; // each is a request; tasks that are mapped over much leave more
export const RUNS = 25;

const part = encodeURIComponent;

async function ask(path, query = {}, absent = null) {
  const answer = await fetch(new URL(`api/v2/${path}?${new URLSearchParams(query)}`, document.baseURI));
  if (answer.ok) return answer.json();
  if (absent && answer.status === 404) return absent;
  const message = REFUSALS[answer.status] ?? `Airflow answered ${answer.status}.`;
  throw Object.assign(new Error(message), { isFinal: answer.status < 500 });
}

/** Return the address of the tab of a task instance. */
export function pageOf(dagId, { runId, taskId, mapIndex }) {
  const mapped = mapIndex >= 0 ? `/mapped/${mapIndex}` : "";
  const path = `dags/${part(dagId)}/runs/${part(runId)}/tasks/${part(taskId)}${mapped}`;
  return new URL(`${path}/plugin/checkly-task-instance`, document.baseURI).href;
}

/** Return what a task instance left: its state, its try, and the XComs of ours. */
export async function readTask({ dagId, runId, taskId, mapIndex }) {
  const path = `dags/${part(dagId)}/dagRuns/${part(runId)}/taskInstances/${part(taskId)}`;
  const index = { map_index: mapIndex ?? -1 };
  const task = await ask(index.map_index < 0 ? path : `${path}/${mapIndex}`);
  const { xcom_entries: there } = await ask(`${path}/xcomEntries`, { ...index, limit: MOST });
  const keys = KEYS.filter((key) => there.some((entry) => entry.key === key));
  const value = (key) => ask(`${path}/xcomEntries/${key}`, index, { key }); // a retry deletes what was listed
  const found = await Promise.all(keys.map(value));
  const xcom = Object.fromEntries(found.map((entry) => [entry.key, entry.value]));
  return { state: task.state, tries: task.try_number, hasEnded: hasEnded(task.state), xcom };
}

/** Return a page of runs, oldest first, with their gates; pages count from the newest run. */
export async function readRuns({ dagId, taskId = "~" }, offset) {
  const query = { order_by: "-run_after", limit: RUNS, offset };
  const { dag_runs: runs, total_entries: total } = await ask(`dags/${part(dagId)}/dagRuns`, query);
  const span = { run_after_gte: runs.at(-1)?.run_after, run_after_lte: runs[0]?.run_after };
  const places = new Map(runs.map((run, place) => [run.dag_run_id, place]));
  const listed = runs.length ? await listGates(dagId, taskId, span) : [];
  const wanted = listed.filter((entry) => places.has(entry.run_id));
  const newest = wanted.toSorted((a, b) => places.get(a.run_id) - places.get(b.run_id)).slice(0, MOST_GATES);
  const gates = await Promise.all(newest.map(readEntry));
  return {
    omitted: wanted.length - newest.length,
    runs: runs.map((run) => ({ id: run.dag_run_id, at: run.run_after })).toReversed(),
    entries: gates.filter((entry) => entry.gate),
    total,
  };
}

const xcoms = (dag, run, task) =>
  `dags/${part(dag)}/dagRuns/${part(run)}/taskInstances/${part(task)}/xcomEntries`;

async function listGates(dagId, taskId, span, offset = 0) {
  const query = { xcom_key: "gate", ...span, limit: MOST, offset };
  const { xcom_entries: found, total_entries: total } = await ask(xcoms(dagId, "~", taskId), query);
  const next = offset + found.length;
  return found.length && next < total ? [...found, ...(await listGates(dagId, taskId, span, next))] : found;
}

/** Airflow lists XComs without their values: each takes a request of its own. */
async function readEntry({ dag_id: dagId, run_id: runId, task_id: taskId, map_index: mapIndex }) {
  const { value } = await ask(`${xcoms(dagId, runId, taskId)}/gate`, { map_index: mapIndex }, {});
  return { runId, taskId, mapIndex, gate: readGate(value) };
}
