import assert from "node:assert/strict";
import { test } from "node:test";
import * as gate from "../../airflow_provider_checkly/ui/static/gate.mjs";

const check = (name, severity, fields = {}) => ({ check_id: name, name, status: "PASSED", severity, ...fields });
const read = (fields) => gate.readGate({ version: 1, outcome: "failed", ...fields });

test("only http and https are links", () => {
  for (const good of ["https://app.checklyhq.com/a?b=1", "http://127.0.0.1:8/x"])
    assert.equal(gate.safeLink(good), good);
  const bad = ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "/path", "", null];
  const hidden = ["JAVASCRIPT:alert(1)", "java\nscript:alert(1)", "\0javascript:alert(1)", "//host/x", "blob:https://x/y"];
  const users = ["https://user:pw@host/", "https://user@host/", "https://app.checklyhq.com@evil.example/"];
  for (const other of [...bad, ...hidden, ...users, { href: "https://x" }, ["javascript:x"], 7, "https://"])
    assert.equal(gate.safeLink(other), undefined);
});

const LINK = "https://x/sessions/";
const links = (check_session_ids, checkly_link = `${LINK}a`) =>
  gate.readSessions({ check_session_ids, checkly_link }).map((each) => each.link);

test("sessions have the link of the first one, with their own id", () => {
  assert.deepEqual(gate.readSessions({}), []);
  assert.deepEqual(links("a"), [`${LINK}a`]);
  assert.deepEqual(links(["a", "b"]), [`${LINK}a`, `${LINK}b`]);
  assert.deepEqual(links(["a", "b"], undefined), [`${LINK}a`, `${LINK}b`]);
  assert.deepEqual(links(["a", "b"], null), [undefined, undefined]);
  assert.deepEqual(gate.readSessions({ test_session_ids: [7, null, { toString: 1 }] }).map((each) => each.id), ["7", '{"toString":1}']);
});

test("no id makes a link that runs or leads elsewhere", () => {
  const ids = ["javascript:alert(1)//", "$&$`", "@evil.example/", "../../../x"];
  for (const first of ["", "https", "https:", "https://x/", "a"])
    for (const id of ids)
      for (const link of links([first, id])) assert.ok(link === "" || !link || link.startsWith(LINK), `${first} ${id} ${link}`);
});

test("endless texts and lists keep no browser busy", () => {
  const long = "[".repeat(1_000_000);
  const found = read({ message: long, rules: [{ required: "1".repeat(1_000_000) }] });
  assert.equal(found.message.length, 20_000);
  assert.ok([...gate.readMarkdown(long)[0].parts].length);
  assert.equal(gate.scaleOf(Array.from({ length: 300_000 }, () => 7), null), 7);
});

test("nothing hidden turns a text around", () => {
  const names = ["\u202eDESSAP", "a\u0000b\u001b[31m", "\u2067x\u2069", "\u200fשלום", "👩\u200d💻 می\u200cخواهم"];
  const shown = read({ checks: names.map((name) => check(name, "failing")) }).checks.map((each) => each.name);
  assert.deepEqual(shown, ["DESSAP", "ab[31m", "x", "שלום", "👩\u200d💻 می\u200cخواهم"]);
});

test("keys that mean something to JavaScript change nothing", () => {
  const hostile = JSON.parse('{"__proto__": {"outcome": "passed", "x": 1}, "constructor": {"prototype": {"x": 1}}, "checks": [{"__proto__": {"name": "y"}, "constructor": 1}]}');
  assert.equal(gate.readGate(hostile), null);
  const [found] = read(hostile).checks;
  assert.deepEqual([found.name, found.severity], ["(no name)", "failing"]);
  assert.equal({}.x, undefined);
  assert.deepEqual(gate.readHistory(["__proto__"], [entry("__proto__", "passed", [check("__proto__", "passed")], -1, "constructor")])[0].taskId, "constructor");
});

test("what is not a gate is none", () => {
  for (const value of [null, undefined, "open", 1, [], {}, { outcome: "toString" }, { outcome: "__proto__" }])
    assert.equal(gate.readGate(value), null);
});

test("every field has its type, whatever the XCom holds", () => {
  const odd = [{ name: 7, severity: "harmless", reasons: "none", locations: [null, {}], response_time_ms: "1" }, null];
  const found = read({ checks: odd, rules: [{ required: { a: 1 }, met: "no" }], omitted: -1, message: ["x"] });
  assert.deepEqual(found.checks[0].locations, [{ location: "", ms: null, link: undefined }]);
  const { name, severity, reasons, ms, status } = found.checks[0];
  assert.deepEqual([name, severity, reasons, ms, status], ["7", "failing", [], null, "UNKNOWN"]);
  assert.deepEqual(found.rules, [{ rule: "", required: '{"a":1}', actual: "", met: false }]);
  assert.deepEqual([found.checks.length, found.omitted, found.message, found.limit], [1, 0, '["x"]', null]);
  assert.deepEqual(read({ checks: "none", rules: 3 }).checks, []);
  const times = [1e300, -1, "1", NaN, true, [5], {}].map((time) => ({ response_time_ms: time }));
  assert.deepEqual(read({ checks: times }).checks.map((each) => each.ms), times.map(() => null));
});

test("the worst checks come first, and a degraded one before those that passed", () => {
  const severities = ["passed", "tolerated", "failing", "warning"];
  const checks = [...severities.map((each) => check(each, each)), check("slow", "passed", { status: "DEGRADED" })];
  const order = read({ checks }).checks.map((each) => each.name);
  assert.deepEqual(order, ["failing", "warning", "tolerated", "slow", "passed"]);
});

const limit = (...required) => read({ rules: required.map((each) => ({ required: each })) }).limit;

test("the limit of response times is read from the rules", () => {
  assert.equal(limit("no check FAILED", "at most 1500 ms in each location"), 1500);
  assert.equal(limit("at most 0.5 ms in each location"), 0.5);
  assert.equal(limit("no check FAILED"), null);
  for (const odd of ["at most 1.2.3 ms", "at most 2e999 ms", "at most 1.5e+06 ms", "at most -5 ms", "x5 ms"])
    assert.equal(limit(odd), null);
});

test("bars of one scale", () => {
  assert.equal(gate.scaleOf([1, null, 30], 20), 30);
  assert.equal(gate.scaleOf([1], 20), 20);
  assert.equal(gate.scaleOf([null], null), 1);
});

test("a report's Markdown becomes parts, and nothing else", () => {
  const lines = gate.readMarkdown("1 \\*of\\* 2\n\n**A\\_b FAILED**\n- was: `**503** [x](y)`\n- [pcap](https://x/y) · [z](javascript:x)");
  const parts = lines.map((line) => [line.isItem, [...line.parts].filter((part) => part.text)]);
  assert.deepEqual(parts, [
    [false, [{ text: "1 " }, { text: "*" }, { text: "of" }, { text: "*" }, { text: " 2" }]],
    [false, [{ tag: "strong", text: "A_b FAILED" }]],
    [true, [{ text: "was: " }, { tag: "code", text: "**503** [x](y)" }]],
    [true, [{ link: "https://x/y", text: "pcap" }, { text: " · " }, { link: undefined, text: "z" }]],
  ]);
  assert.deepEqual(gate.readMarkdown(undefined), []);
  assert.equal([...gate.readMarkdown("<img src=x onerror=alert(1)>")[0].parts][0].text, "<img src=x onerror=alert(1)>");
});

const entry = (runId, outcome, checks, mapIndex = -1, taskId = "gate") =>
  ({ runId, taskId, mapIndex, gate: gate.readGate({ outcome, checks }) });

test("history: a place for every run, also where the gate left nothing", () => {
  const ok = check("a", "passed", { response_time_ms: 5 });
  const [found] = gate.readHistory(["1", "2", "3"], [entry("3", "passed", [ok]), entry("1", "error", [])]);
  assert.deepEqual(found.outcomes.map((each) => each?.gate.outcome), ["error", undefined, "passed"]);
  assert.deepEqual(found.checks[0].cells.map((each) => each?.ms), [undefined, undefined, 5]);
});

test("history: of mapped gates the worst counts, whichever was read first", () => {
  const [good, bad] = [entry("1", "passed", [check("a", "passed")], 0), entry("1", "failed", [check("a", "failing")], 1)];
  for (const entries of [[good, bad], [bad, good]]) {
    const [found] = gate.readHistory(["1"], entries);
    assert.deepEqual([found.outcomes[0].mapIndex, found.checks[0].cells[0].severity], [1, "failing"]);
  }
});

test("history: what failed last comes first, then by name; each gate by itself", () => {
  const [a, b, c] = ["a 10", "a 9", "c"].map((name) => (severity) => check(name, severity));
  const entries = [
    entry("1", "failed", [a("passed"), b("passed"), c("failing")]),
    entry("2", "passed", [a("passed"), b("passed"), c("passed")]),
    entry("2", "passed", [], -1, "other"),
  ];
  const [first, second] = gate.readHistory(["1", "2"], entries);
  assert.deepEqual(first.checks.map((each) => each.latest.name), ["c", "a 9", "a 10"]);
  assert.deepEqual([second.taskId, second.checks], ["other", []]);
});

test("the trend compares halves by their medians", () => {
  assert.equal(gate.trendOf([100, 100, 900, null, 150, 150, 150]), 50);
  assert.equal(gate.trendOf([200, 200, 200, 100, 100, 100]), -50);
  assert.equal(gate.trendOf([1, 2, 3, 4, 5]), null);
  assert.equal(gate.trendOf([0, 0, 0, 1, 1, 1]), null);
});

test("states that will change are looked at again, also those of later versions of Airflow", () => {
  for (const state of ["success", "failed", "skipped", "upstream_failed", "removed"]) assert.ok(gate.hasEnded(state));
  for (const state of [null, "running", "deferred", "up_for_retry", "new"]) assert.ok(!gate.hasEnded(state));
});
