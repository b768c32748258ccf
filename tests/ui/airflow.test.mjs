import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { pageOf, readRuns, readTask } from "../../airflow_provider_checkly/ui/static/airflow.mjs";

let asked = [];
let answers = {};

globalThis.document = { baseURI: "http://airflow/air/" };
globalThis.fetch = async (url) => {
  const path = url.pathname.replace("/air/api/v2/", "");
  asked.push(`${path}${url.search}`);
  const answer = answers[path];
  return typeof answer === "number"
    ? { ok: false, status: answer }
    : { ok: true, json: async () => (typeof answer === "function" ? answer(url.searchParams) : answer) };
};
beforeEach(() => {
  asked = [];
});

const TASK = "dags/d/dagRuns/a%2Bb%3A1/taskInstances/t";
const props = { dagId: "d", runId: "a+b:1", taskId: "t" };

test("only the keys that are there are read", async () => {
  answers = {
    [TASK]: { state: "running", try_number: 2 },
    [`${TASK}/xcomEntries`]: { xcom_entries: [{ key: "gate" }, { key: "return_value" }] },
    [`${TASK}/xcomEntries/gate`]: { key: "gate", value: { outcome: "passed" } },
  };
  const read = await readTask(props);
  assert.deepEqual(read, { state: "running", tries: 2, hasEnded: false, xcom: { gate: { outcome: "passed" } } });
  assert.deepEqual(asked, [TASK, `${TASK}/xcomEntries?map_index=-1&limit=100`, `${TASK}/xcomEntries/gate?map_index=-1`]);
});

test("a mapped task is asked for by its index, and its XCom too", async () => {
  answers = { [`${TASK}/0`]: { state: "success" }, [`${TASK}/xcomEntries`]: { xcom_entries: [] } };
  await readTask({ ...props, mapIndex: "0" });
  assert.deepEqual(asked, [`${TASK}/0`, `${TASK}/xcomEntries?map_index=0&limit=100`]);
});

test("XCom that a retry deletes meanwhile is not there", async () => {
  answers = {
    [TASK]: { state: "running" },
    [`${TASK}/xcomEntries`]: { xcom_entries: [{ key: "gate" }] },
    [`${TASK}/xcomEntries/gate`]: 404,
    "dags/d/dagRuns": { dag_runs: [{ dag_run_id: "r", run_after: "2" }], total_entries: 1 },
    "dags/d/dagRuns/~/taskInstances/~/xcomEntries": { xcom_entries: [{ dag_id: "d", run_id: "r", task_id: "t" }], total_entries: 1 },
    "dags/d/dagRuns/r/taskInstances/t/xcomEntries/gate": 404,
  };
  assert.deepEqual((await readTask(props)).xcom, { gate: undefined });
  assert.deepEqual((await readRuns({ dagId: "d" }, 0)).entries, []);
});

test("an index of -1 is a task that is not mapped", async () => {
  answers = { [TASK]: { state: "success" }, [`${TASK}/xcomEntries`]: { xcom_entries: [] } };
  assert.ok((await readTask({ ...props, mapIndex: "-1" })).hasEnded);
});

for (const [status, message, isFinal] of [
  [401, "Log in to Airflow again.", true],
  [403, "You may not read the XCom of this DAG.", true],
  [404, "Airflow answered 404.", true],
  [503, "Airflow answered 503.", false],
])
  test(`a refusal says what it is, and whether it may pass: ${status}`, async () => {
    answers = { [TASK]: status };
    await assert.rejects(readTask(props), { message, isFinal });
  });

test("a page of runs: its runs, one list of its gates, and each gate", async () => {
  const gates = Array.from({ length: 130 }, (_, place) =>
    ({ dag_id: "d", run_id: place ? "new" : "gone", task_id: "g", map_index: place }));
  answers = {
    "dags/d/dagRuns": { dag_runs: [{ dag_run_id: "new", run_after: "2" }, { dag_run_id: "old", run_after: "1" }], total_entries: 9 },
    "dags/d/dagRuns/~/taskInstances/~/xcomEntries": (query) => {
      const from = Number(query.get("offset"));
      return { xcom_entries: gates.slice(from, from + 100), total_entries: gates.length };
    },
    "dags/d/dagRuns/new/taskInstances/g/xcomEntries/gate": (query) =>
      ({ value: query.get("map_index") === "1" ? "not a gate" : { outcome: "passed" } }),
  };
  const page = await readRuns({ dagId: "d" }, 25);
  assert.deepEqual([page.runs, page.total], [[{ id: "old", at: "1" }, { id: "new", at: "2" }], 9]);
  assert.equal(page.entries.length, 128);
  assert.equal(asked[0], "dags/d/dagRuns?order_by=-run_after&limit=25&offset=25");
  assert.match(asked[1], /xcom_key=gate&run_after_gte=1&run_after_lte=2&limit=100&offset=0$/);
  assert.match(asked[2], /offset=100$/);
  assert.equal(asked.length, 3 + 129);
});

test("of many mapped gates, those of the newest runs are read", async () => {
  const gates = Array.from({ length: 700 }, (_, place) =>
    ({ dag_id: "d", run_id: place < 400 ? "old" : "new", task_id: "g", map_index: place }));
  const gate = { value: { outcome: "passed" } };
  answers = {
    "dags/d/dagRuns": { dag_runs: [{ dag_run_id: "new", run_after: "2" }, { dag_run_id: "old", run_after: "1" }], total_entries: 2 },
    "dags/d/dagRuns/~/taskInstances/~/xcomEntries": { xcom_entries: gates, total_entries: 700 },
    "dags/d/dagRuns/new/taskInstances/g/xcomEntries/gate": gate,
    "dags/d/dagRuns/old/taskInstances/g/xcomEntries/gate": gate,
  };
  const { entries, omitted } = await readRuns({ dagId: "d" }, 0);
  assert.deepEqual([entries.length, omitted], [500, 200]);
  assert.equal(entries.filter((entry) => entry.runId === "new").length, 300);
});

test("a DAG without runs is asked for nothing more", async () => {
  answers = { "dags/d/dagRuns": { dag_runs: [], total_entries: 0 } };
  assert.deepEqual(await readRuns({ dagId: "d" }, 0), { omitted: 0, runs: [], entries: [], total: 0 });
  assert.equal(asked.length, 1);
});

test("pages of tasks lie under Airflow's address", () => {
  const task = { runId: "a/b", taskId: "t", mapIndex: -1 };
  assert.equal(pageOf("d", task), "http://airflow/air/dags/d/runs/a%2Fb/tasks/t/plugin/checkly-task-instance");
  assert.match(pageOf("d", { ...task, mapIndex: 3 }), /tasks\/t\/mapped\/3\/plugin/);
});
