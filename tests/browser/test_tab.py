"""The tab as people see it, in a real browser on a whole Airflow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from browser.stage import CHECKS, EXAMPLES, FLAKY, RUN, RUNS, SLOWER, VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.stage import Stage
    from playwright.sync_api import Locator, Page

FAILED = "1 of 4 checks did not pass: Payment provider answers FAILED."
# Task, headline, and what else is to be read without scrolling.
CASES: list[tuple[str, str, list[str]]] = [
    ("passed", "Passed", ["All 3 checks passed.", "Home page", "589 ms", "limit 2000 ms", "DEGRADED"]),
    ("failed", "Failed", [FAILED, "eu-central-1: assertion STATUS_CODE EQUALS 200, was 503", "1596 ms"]),
    ("failed_unexplained", "Failed", [FAILED, "STATUS_CODE: EQUALS 200, was 503"]),
    ("timed_out", "Timed out", ["After 3600 s, 1 of 2 checks has not ended", "has not ended", "no time"]),
    ("error", "Error", ["Checkly refused the API key of connection checkly_default (401)."]),
    ("skipped", "Skipped", ["1 of 4 checks did not pass; soft_fail skips the task."]),
    (
        "cut",
        "Failed",
        ["3 of 400 checks", "above 2000 ms", "370 more checks did not fit", "27 checks passed"],
    ),
    ("tolerated", "Passed", ["tolerated", "only a warning", "TIMED_OUT"]),
    ("retried", "Failed", [FAILED, "This was try 1; Airflow will try again."]),
    ("foreign", "", ["XCom gate of this task is not a result of Checkly."]),
    ("nothing", "", ["This task left no result of Checkly."]),
]


def address(base: str, task: str, index: int | None = None) -> str:
    """Return the address of the tab of a task."""
    mapped = "" if index is None else f"/mapped/{index}"
    return f"{base}/dags/gates/runs/{quote(RUN, safe='')}/tasks/{task}{mapped}/plugin/checkly-task-instance"


def tab(page: Page) -> Locator:
    """Return the tab, once it is filled."""
    found = page.locator("section.checkly")
    found.locator("p, h2, table").first.wait_for()
    page.get_by_text("Reading …").wait_for(state="detached")
    return found


def seen(where: Locator, text: str) -> bool:
    """Return whether a text is on the screen, without scrolling."""
    box = where.get_by_text(text).first.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 768


@pytest.mark.parametrize(("task", "headline", "texts"), CASES, ids=[case[0] for case in CASES])
def test_what_a_task_left(  # noqa: PLR0917
    stage: Stage,
    opened: Callable[..., Page],
    picture: Callable[[Page, str], None],
    task: str,
    headline: str,
    texts: list[str],
) -> None:
    page = opened(address(stage.url, task))
    found = tab(page)
    picture(page, task)
    headings = found.get_by_role("heading", level=2).all_inner_texts()
    assert [re.sub(r"^\W+", "", each) for each in headings] == ([headline] if headline else [])
    assert [text for text in texts if not seen(found, text)] == []


@pytest.mark.parametrize(
    ("run", "task", "headline", "texts"),
    [
        (
            "broken",
            "gate",
            "Failed",
            ["1 of 4 checks did not pass: Payment API FAILED.", "STATUS_CODE", "was 503"],
        ),
        ("good", "gate", "Passed", ["All 3 checks passed.", "Sign-up flow"]),
        ("mapped", "check/mapped/0", "Passed", ["Homepage API passed."]),
    ],
)
def test_examples(  # noqa: PLR0917
    stage: Stage,
    opened: Callable[..., Page],
    picture: Callable[[Page, str], None],
    run: str,
    task: str,
    headline: str,
    texts: list[str],
) -> None:
    """What operators leave, with the links of the local Checkly."""
    dag_id, _ = EXAMPLES[run]
    page = opened(f"{stage.url}/dags/{dag_id}/runs/{run}/tasks/{task}/plugin/checkly-task-instance")
    found = tab(page)
    found.get_by_role("heading", name=headline).wait_for()
    picture(page, f"example-{run}")
    assert [text for text in texts if not seen(found, text)] == []
    assert found.locator("a").count() >= 3


def test_history_of_examples(
    stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = opened(f"{stage.url}/dags/checkly_gate_publish_on_checks/plugin/checkly-dag")
    row = tab(page).get_by_role("row", name="Payment API")
    row.wait_for()
    picture(page, "example-history")
    assert "FAILED" in row.inner_text()


def test_the_tables_are_tables(stage: Stage, opened: Callable[..., Page]) -> None:
    """Named, with headers for columns and rows, so that a screen reader tells where one is."""
    found = tab(opened(address(stage.url, "failed")))
    table = found.get_by_role("table", name="Checks that did not pass")
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Check", "Status", "Why", "Response time (limit 2000 ms)"]
    assert table.get_by_role("rowheader", name="Payment provider answers").count() == 1
    rules = found.get_by_role("table", name="Rules of the gate").get_by_role("row").all_inner_texts()
    assert [each.split("\t")[-1] for each in rules] == ["Met", "✕ no", "✓ yes"]


def test_mapped(stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]) -> None:
    """Each index shows its own gate."""
    page = opened(address(stage.url, "mapped", 0))
    assert tab(page).get_by_text("All 3 checks passed.").first.is_visible()
    page = opened(address(stage.url, "mapped", 1))
    assert tab(page).get_by_text(FAILED).first.is_visible()
    picture(page, "mapped")


def test_keyboard(stage: Stage, opened: Callable[..., Page]) -> None:
    """What can be opened is reached and opened by keys."""
    found = tab(opened(address(stage.url, "cut")))
    found.get_by_role("link", name="Open at Checkly").focus()
    for _ in range(40):
        if found.page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
        found.page.keyboard.press("Tab")
    found.page.keyboard.press("Enter")
    assert found.get_by_role("table", name="Checks that passed").is_visible()


OVERLAPS = """each => [...each.querySelectorAll("tr")].flatMap(({ cells }) => {
  const ends = (cell) => [...cell.querySelectorAll("*")].map((inner) => inner.getBoundingClientRect().right);
  const starts = (place) => cells[place + 1]?.getBoundingClientRect().left ?? Infinity;
  const over = [...cells].filter((cell, place) => Math.max(...ends(cell)) > starts(place) + 1);
  return over.map((cell) => cell.textContent);
})"""


@pytest.mark.parametrize("width", [1000, 560, 360])
@pytest.mark.parametrize("task", ["passed", "failed", "tolerated"])
def test_a_narrow_pane(stage: Stage, opened: Callable[..., Page], task: str, width: int) -> None:
    """Airflow's panes can be dragged: nothing overlaps, and what does not fit can be scrolled to."""
    found = tab(opened(address(stage.url, task)))
    found.page.wait_for_function("getComputedStyle(document.querySelector('.checkly')).fontSize === '14px'")
    found.evaluate("(each, width) => { each.style.width = `${width}px`; }", width)
    assert found.evaluate(OVERLAPS) == []
    assert found.evaluate("each => getComputedStyle(each).overflowX") == "auto"


def test_hostile_values(
    stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    """They are text: nothing runs, nothing is loaded, no link goes elsewhere, the page keeps its shape."""
    page = opened(address(stage.url, "hostile"))
    found = tab(page)
    found.get_by_text("Report").click()
    picture(page, "hostile")
    assert found.get_by_text("<img src=x onerror=").count() >= 5
    assert found.locator("img, script, iframe, object, style").count() == 0
    links = found.locator("a").evaluate_all("all => all.map((each) => each.protocol)")
    assert set(links) == {"https:"}
    assert "owned" not in page.title()
    assert found.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_hostile_sessions(stage: Stage, opened: Callable[..., Page]) -> None:
    """No id makes a link that runs."""
    found = tab(opened(address(stage.url, "hostile_sessions")))
    assert found.get_by_role("table", name="Sessions").get_by_role("row").count() == 5
    hrefs = found.locator("table a").evaluate_all("all => all.map((each) => each.href)")
    assert [each for each in hrefs if not each.startswith("https://app.checklyhq.com/")] == []


CONTRAST = """all => all.map((each) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const paint = (element) => {
    if (!element) return;
    paint(element.parentElement);
    canvas.fillStyle = getComputedStyle(element).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
  };
  const light = () => [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  paint(each);
  const back = light();
  canvas.fillStyle = getComputedStyle(each).color;
  canvas.fillRect(0, 0, 1, 1);
  const [low, high] = [back, light()].sort((a, b) => a - b);
  return [each.textContent, (high + 0.05) / (low + 0.05)];
})"""


VIOLATIONS = """
globalThis.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  violations.push([event.violatedDirective, event.sourceFile, event.blockedURI].join(" ")));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("task", ["failed", "tolerated", "skipped"])
def test_colours(
    stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None], scheme: Any, task: str
) -> None:
    """By Airflow's own theme; all text has the contrast that WCAG asks for."""
    page = opened(address(stage.url, task), color_scheme=scheme)
    marks = tab(page).locator("bdi, .checkly-mark, a, td, th, small, caption, p")
    page.wait_for_function("getComputedStyle(document.querySelector('.checkly')).fontSize === '14px'")
    picture(page, f"{task}-{scheme}")
    assert [(text, ratio) for text, ratio in marks.evaluate_all(CONTRAST) if ratio < 4.5] == []
    background = page.evaluate("getComputedStyle(document.querySelector('.checkly')).color")
    assert background


def test_content_security_policy(stage: Stage, opened: Callable[..., Page]) -> None:
    """The tab does nothing that a strict policy forbids; what Airflow itself does inline is not looked at."""
    page = opened("about:blank")
    rules = {
        "default": "'self'",
        "script": "'self'",
        "style": "'self' 'unsafe-inline'",
        "img": "'self' data:",
    }
    policy = "; ".join(f"{name}-src {sources}" for name, sources in rules.items())

    def with_policy(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    page.route("**/plugin/checkly-task-instance", with_policy)
    page.add_init_script(VIOLATIONS)
    page.goto(address(stage.url, "failed"))
    assert tab(page).get_by_text(FAILED).first.is_visible()
    assert tab(page).evaluate("each => getComputedStyle(each).fontSize") == "14px"
    assert [each for each in page.evaluate("violations") if "checkly" in each] == []
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=http://127.0.0.1:1/checkly>')")
    page.wait_for_function("violations.some((each) => each.includes('checkly'))")  # the policy is in force


def test_viewer_under_a_sub_path(
    stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    """Who may only look sees it, and its links stay under the path."""
    page = opened(f"{stage.sub_path}/auth/login?next={stage.sub_path}/", storage_state=None)
    name, password = VIEWER
    page.get_by_label("Username").fill(name)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Dags").first.wait_for()
    page.goto(address(stage.sub_path, "failed"))
    assert tab(page).get_by_text(FAILED).first.is_visible()
    picture(page, "viewer-under-sub-path")
    page.goto(f"{stage.sub_path}/dags/history/plugin/checkly-dag")
    tab(page).locator("svg a").first.wait_for()
    links = tab(page).locator("svg a").evaluate_all("all => all.map((each) => each.href.baseVal)")
    assert links
    assert all(link.startswith(f"{stage.sub_path}/dags/history/runs/") for link in links)


def test_history(stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]) -> None:
    """A page of runs takes one list of runs, one of gates, and one value per gate."""
    page = opened("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "xcomEntries" in request.url else None)
    page.goto(f"{stage.url}/dags/history/plugin/checkly-dag")
    found = tab(page)
    assert found.get_by_role("columnheader", name="Last 25 runs, oldest first").is_visible()
    bars = found.locator("svg[role=group] a")
    assert len(asked) == 1 + bars.count()
    picture(page, "history")
    names = found.get_by_role("rowheader").all_inner_texts()
    assert names[:3] == ["Outcome", f"Check {SLOWER} of the shop", f"Check {FLAKY} of the shop"]
    for shown in range(50, RUNS + 1, 25):
        found.get_by_role("button", name="older runs").click()
        found.get_by_role("columnheader", name=f"Last {shown} runs").wait_for()
    assert found.get_by_role("button", name="older runs").count() == 0
    assert found.locator("polyline").count() == CHECKS
    slower = found.get_by_role("row", name=f"Check {SLOWER} of the shop")
    assert int(re.findall(r"\+(\d+) %", slower.inner_text())[0]) > 50
    found.evaluate("each => each.scrollTo(0, 0)")
    picture(page, "history-of-100-runs")
    bars.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/run-*/tasks/gate/plugin/checkly-task-instance")


def test_history_of_a_task(stage: Stage, opened: Callable[..., Page]) -> None:
    """The page of a task has the history of that task alone; a DAG without gates says so."""
    found = tab(opened(f"{stage.url}/dags/history/tasks/gate/plugin/checkly-task"))
    assert found.get_by_role("table", name="gate").is_visible()
    found = tab(opened(f"{stage.url}/dags/history/tasks/other/plugin/checkly-task"))
    assert found.get_by_text("25 runs left no result of Checkly.").first.is_visible()


def test_history_of_mapped_and_hostile_gates(stage: Stage, opened: Callable[..., Page]) -> None:
    found = tab(opened(f"{stage.url}/dags/gates/plugin/checkly-dag"))
    assert found.get_by_role("table").count() >= 10
    mapped = found.get_by_role("table", name="mapped")
    assert "Failed" in mapped.get_by_role("row", name="Outcome").inner_text()
    assert found.locator("img, script").count() == 0


def test_running(stage: Stage, opened: Callable[..., Page], picture: Callable[[Page, str], None]) -> None:
    """Last, as it ends the task: what is under way, and the result as soon as it is there."""
    page = opened(address(stage.url, "running"))
    found = tab(page)
    picture(page, "running")
    assert found.get_by_text("2 under way at Checkly.").first.is_visible()
    links = found.get_by_role("table", name="Sessions").get_by_role("link")
    assert links.evaluate_all("all => all.map((each) => each.href.slice(-12))") == [
        "000000000001",
        "000000000002",
    ]
    stage.waiting.unlink()
    found.get_by_text("All 3 checks passed.").wait_for()
