"""README and docs: each snippet runs against the emulator and ends as it promises; each link leads somewhere.

A comment before a snippet says what it promises, or why it is not run:

    <!-- ends: STATE | TASK=STATE ... -->    a DAG: how its run, and its tasks, end
    <!-- log -->                             text in the log of the DAG before it
    <!-- runs -->                            Python without a DAG run
    <!-- shell -->, <!-- shell: background -->   bash; the snippets of a page run one after the other
    <!-- output -->                          text that the command before it prints
    <!-- example -->                         a file of `example_dags`, which test_examples.py runs
    <!-- conftest -->, <!-- pytest -->       the user's own tests
    <!-- not run: REASON -->

"…" stands for anything.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.version_compat import (
    AIRFLOW_V_3_0_PLUS,
    get_base_airflow_version_tuple,
)
from dag_runs import DagRun, DagRunner

import airflow_provider_checkly
from airflow_provider_checkly.connection import FORM_FIELDS
from airflow_provider_checkly.emulator import DEFAULT_CHECKS, Emulator
from airflow_provider_checkly.emulator.default_checks import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = Path(airflow_provider_checkly.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SNIPPET = re.compile(
    r"^(?:<!-- (?P<mark>.*?) -->\n)?^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
RUN_LANGUAGES = {"python", "bash", "text"}


@dataclass(frozen=True)
class Snippet:
    """One fenced block; `text` are the promised texts that follow it."""

    page: str
    number: int
    language: str
    mark: str
    code: str
    text: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.mark.partition(":")[0]

    @property
    def promise(self) -> str:
        return self.mark.partition(":")[2].strip()


def snippets(page: Path) -> Iterator[Snippet]:
    name = str(page.relative_to(ROOT))
    found = [
        (match["mark"] or "", match["language"], match["code"])
        for match in SNIPPET.finditer(page.read_text())
    ]
    for number, (mark, language, code) in enumerate(found):
        if mark not in {"log", "output"}:
            following = found[number + 1 : number + 2]
            texts = tuple(text for kind, _, text in following if kind in {"log", "output"})
            yield Snippet(name, number, language, mark, code, texts)


SNIPPETS = [snippet for page in PAGES for snippet in snippets(page)]


def of_kind(kind: str) -> Any:
    chosen = [snippet for snippet in SNIPPETS if snippet.kind == kind]
    return pytest.mark.parametrize("snippet", chosen, ids=[f"{each.page}-{each.number}" for each in chosen])


def promised(text: str) -> Iterator[re.Pattern[str]]:
    """The lines of a text, with any blanks, as patterns; "…" is anything."""
    for line in filter(str.strip, text.splitlines()):
        parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("…")]
        yield re.compile(r".*?".join(f"\\s*{part}\\s*" for part in parts))


def assert_tells(told: str, text: str) -> None:
    for pattern in promised(text):
        assert pattern.search(told), f"not found: {pattern.pattern}\n{told[-5000:]}"


def test_each_snippet_says_what_becomes_of_it() -> None:
    kinds = {"ends", "runs", "shell", "example", "conftest", "pytest", "not run"}
    missing = [s for s in SNIPPETS if s.language in RUN_LANGUAGES and s.kind not in kinds]
    assert missing == []
    assert all(snippet.promise for snippet in SNIPPETS if snippet.kind in {"ends", "not run"})


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagRunner]:
    with DagRunner(tmp_path_factory.mktemp("airflow")) as runner:
        yield runner


@contextmanager
def emulator_of(promises: dict[str, str]) -> Iterator[tuple[Emulator, dict[str, str]]]:
    with Emulator(speed=20) as emulator:
        checkly = json.loads(emulator.connection_json)
        if "password" in promises:
            checkly["password"] = promises["password"]
        heartbeat = {"conn_type": "http", "password": f"{emulator.url}/ping/{HEARTBEAT}"}
        environment = {
            "AIRFLOW_CONN_CHECKLY_DEFAULT": json.dumps(checkly),
            "AIRFLOW_CONN_CHECKLY_HEARTBEAT": json.dumps(heartbeat),
        }
        yield emulator, environment


@of_kind("ends")
def test_dags_end_as_promised(runner: DagRunner, tmp_path: Path, snippet: Snippet) -> None:
    if not AIRFLOW_V_3_0_PLUS:
        pytest.skip("Airflow 2 wants a start_date")
    state, _, rest = snippet.promise.partition("|")
    tasks, *others = rest.split("|")
    promises = dict(each.strip().removeprefix("label ").split("=", 1) for each in others)
    file = tmp_path / "snippet.py"
    file.write_text(snippet.code)
    with emulator_of(promises) as (emulator, environment):
        run = runner.run(file, environment)
        assert len(emulator.pings) == int(promises.get("pings", 0))
    assert run.state == state.strip(), run.log[-5000:]
    assert run.tasks == dict(task.split("=") for task in tasks.split()), run.log[-5000:]
    assert_labels(run, promises)
    for text in snippet.text:
        assert_tells(run.log, text)


def assert_labels(run: DagRun, promises: dict[str, str]) -> None:
    for task in promises.keys() & run.tasks.keys():
        assert run.labels[task] == promises[task]


@of_kind("runs")
def test_python_runs(snippet: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    if "AssetWatcher" in snippet.code and not AIRFLOW_V_3_0_PLUS:
        pytest.skip("Airflow 2 has no watchers")
    portable = snippet.code.replace("from airflow.sdk import", f"from {sdk.__name__} import")
    if "Asset" in snippet.code:
        portable = snippet.code
    with emulator_of({}) as (_, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        exec(compile(portable, snippet.page, "exec"), {})  # noqa: S102 - our own documentation


SHELL_PAGES = sorted({snippet.page for snippet in SNIPPETS if snippet.kind == "shell"})


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_shell_snippets_run(page: str, tmp_path: Path) -> None:
    """All of a page in one shell, in an empty folder."""
    if not AIRFLOW_V_3_0_PLUS and page == "docs/index.md":
        pytest.skip("the page asks for Airflow 3")
    shell = [snippet for snippet in SNIPPETS if snippet.page == page and snippet.kind == "shell"]
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "activate").write_text(f"export PATH={Path(sys.executable).parent}:$PATH\n")
    write_files(page, tmp_path)
    script = tmp_path / "all.sh"
    before = "set -e" if page == "docs/index.md" else "set -e\nairflow db migrate"
    script.write_text("\n".join([before, *map(step, shell), "echo @@@"]))
    with (tmp_path / "output").open("wb+") as output:
        shell_process = subprocess.Popen(  # noqa: S603
            ["bash", str(script)],  # noqa: S607
            cwd=tmp_path,
            env=clean_environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell_process.wait(400)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell_process.pid, signal.SIGTERM)  # the emulator that it left running
    told = (tmp_path / "output").read_text()
    assert code == 0, told[-5000:]
    outputs = told.split("@@@\n")[1:-1]
    for snippet, output in zip(shell, outputs, strict=True):
        for text in snippet.text:
            assert_tells(output, text)


def step(snippet: Snippet) -> str:
    """A snippet as part of a script; the emulator gets a moment to start."""
    if snippet.promise == "background":
        return f"echo @@@\n({snippet.code}) >/dev/null 2>&1 &\nsleep 3"
    return f"echo @@@\n{snippet.code}"


def write_files(page: str, folder: Path) -> None:
    """Write the snippets of a page that have a file name."""
    for name, code in re.findall(
        r'^```python title="(airflow/[^"]+)"\n(.*?)^```$', (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)


def clean_environment(home: Path) -> dict[str, str]:
    """What a new user's shell has, with an account of Checkly."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    account = {"CHECKLY_ACCOUNT_ID": "acc00000-0000-4000-8000-000000000001", "CHECKLY_API_KEY": "cu_emulator"}
    first = f"{Path(sys.executable).parent}:{kept['PATH']}"
    airflow = {"AIRFLOW_HOME": f"{home}/airflow", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return kept | account | {"HOME": str(home), "PATH": first} | airflow


def test_the_tests_of_the_testing_page_pass(tmp_path: Path) -> None:
    """Copied into a project of their own, and red where the DAG is wrong."""
    if get_base_airflow_version_tuple() < (3, 0, 0):
        pytest.skip("the DAG of the start page is for Airflow 3")
    (code,) = [snippet.code for snippet in SNIPPETS if snippet.kind == "pytest"]
    for folder in ("tests", "dags"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "docs" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_publish.py").write_text(code)
    write_files("docs/index.md", tmp_path)
    dag = (tmp_path / "airflow" / "dags" / "publish.py").read_text()
    (tmp_path / "dags" / "publish.py").write_text(dag)
    assert "3 passed" in run_pytest(tmp_path)
    ungated = dag.replace("gate >> publish()", "publish()")
    assert ungated != dag
    (tmp_path / "dags" / "publish.py").write_text(ungated)
    assert "1 failed, 2 passed" in run_pytest(tmp_path)


def run_pytest(folder: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "tests",
    ]
    done = subprocess.run(  # noqa: S603
        command,
        cwd=folder,
        env=clean_environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = SNIPPET.sub("", page.read_text())
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if "://" not in link and (name := link.partition("#")[0]):
            assert (page.parent / name).exists(), link


def test_included_files_exist() -> None:
    included = [
        name for page in PAGES for name in re.findall(r'^--8<-- "([^"]+)"$', page.read_text(), re.MULTILINE)
    ]
    assert included
    assert [name for name in included if not (ROOT / name).exists()] == []
    examples = {Path(name).name for name in included if name.startswith("example_dags/")}
    assert examples == {file.name for file in (ROOT / "example_dags").glob("*.py")}


def test_every_extra_of_the_connection_is_named() -> None:
    text = (ROOT / "docs" / "connection.md").read_text()
    assert [name for name in FORM_FIELDS if f"extra `{name}`" not in text] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_nothing_is_left_to_fill_in() -> None:
    assert [page for page in PAGES if re.search(r"\b(?:TODO|TBD|FIXME)\b", page.read_text())] == []


def test_every_public_class_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    public = [
        name
        for module in ("operators", "sensors", "notifications", "retry_policy", "hooks")
        for name in re.findall(r"^class (Checkly\w+)", (PACKAGE / f"{module}.py").read_text(), re.MULTILINE)
    ]
    assert [name for name in public if name not in readme] == []


def test_the_tags_of_the_emulator_page_exist() -> None:
    text = (ROOT / "docs" / "emulator.md").read_text()
    named = re.findall(r"^\| `([a-z0-9-]+)` \| (?:the same|one|two|three)", text, re.MULTILINE)
    assert len(named) >= 9
    assert set(named) <= {tag for check in DEFAULT_CHECKS for tag in check.tags}
