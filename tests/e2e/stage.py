"""A gate on a real Airflow, what Checkly was asked on its behalf, and whether that is as it should be."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from e2e.cluster import Cluster, eventually

from airflow_provider_checkly.emulator import Check, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from e2e.ledger import Ledger
    from raw_http import RawServer

    from airflow_provider_checkly.emulator import Record

LIMIT: Final = 240.0
LOOK: Final = 5
ENDED: Final = frozenset({"success", "failed", "skipped", "upstream_failed"})
_number = itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """An Airflow, the Checkly it talks to, and the ledger of what happened."""

    airflow: Cluster
    checkly: Emulator
    proxy: RawServer
    ledger: Ledger
    kept: dict[tuple[str, int], Callable[[], list[str]]] = field(default_factory=dict)

    def gate(self, dag_id: str, *checks: Check, scenario: str = "", **conf: Any) -> Gate:
        """Start a DAG run whose gate runs these checks."""
        gate = Gate(self, dag_id, f"{scenario or dag_id}-{next(_number)}", [check.id for check in checks])
        self.checkly.model.checks = (*self.checkly.model.checks, *checks)
        conf.setdefault("check_ids", gate.check_ids)
        self.airflow.api.trigger(dag_id, gate.run_id, conf)
        return gate


def nothing_more(stage: Stage) -> None:
    """After all, no gate has been triggered or cancelled any more."""
    with stage.ledger.scenario("afterwards: nothing more was asked") as entry:
        for more in stage.kept.values():
            entry.add(more())


def check(seconds: float = 10, **fields: Any) -> Check:
    """Return a check of its own for one gate; suites can be cancelled."""
    number = uuid.uuid4()
    fields.setdefault("checkType", "PLAYWRIGHT")
    return Check(id=str(number), name=f"Check {number}", seconds=seconds, **fields)


def endless() -> Check:
    """Return a check that runs until it is cancelled."""
    return check(outcome="never")


@dataclass(frozen=True)
class Gate:
    """One run of a DAG with a gate."""

    stage: Stage
    dag_id: str
    run_id: str
    check_ids: Sequence[str]
    map_index: int = -1

    def index(self, number: int) -> Gate:
        """Return one of the mapped gates of the run."""
        return Gate(self.stage, self.dag_id, self.run_id, [self.check_ids[number]], number)

    # What Checkly was asked.

    @property
    def posts(self) -> list[list[str]]:
        """The checks that were triggered, for each trigger."""
        asked = [record for record in self._records("POST", "/trigger") if isinstance(record.body, dict)]
        targets: list[Any] = [record.body["target"] for record in asked]  # type: ignore[index]
        own = [target.get("checkId", []) for target in targets]
        return [ids for ids in own if set(ids) & set(self.check_ids)]

    @property
    def sessions(self) -> list[str]:
        """The sessions that were started for its checks, oldest first."""
        return [each.id for each in self.stage.checkly.sessions if each.check.id in self.check_ids]

    @property
    def cancels(self) -> dict[str, int]:
        """How often each of its sessions was asked to be cancelled."""
        paths = Counter(record.path.split("/")[-2] for record in self._records("POST", "/cancel"))
        return {session: paths[session] for session in self.sessions if paths[session]}

    @property
    def unanswered(self) -> list[str]:
        """The cancels of its sessions that were not carried out."""
        cut = [each.path.split("/")[-2] for each in self._records("POST", "/cancel") if each.status != 204]
        return [session for session in self.sessions if session in cut]

    @property
    def cancelled_at(self) -> float:
        """When the last cancel came, in Unix seconds."""
        moments = {record.path.split("/")[-2]: record.at for record in self._records("POST", "/cancel")}
        return max(moments[session] for session in self.sessions if session in moments)

    @property
    def waited_for(self) -> bool:
        """Whether somebody asked for the end of its newest session."""
        newest = self.sessions[-1:]
        return any(record.path.split("/")[-2] in newest for record in self._records("GET", "/completion"))

    @property
    def is_awaited(self) -> bool:
        """Whether the triggerer waits for its newest session: it asks for longer than a worker's look."""
        polls = [each for each in self._records("GET", "/completion") if self.sessions[-1] in each.path]
        return any(int(each.query["maxWaitSeconds"]) > LOOK for each in polls)

    def _records(self, method: str, end: str) -> list[Record]:
        records = self.stage.checkly.requests
        return [each for each in records if each.method == method and each.path.endswith(end)]

    # What Airflow says.

    @property
    def task(self) -> dict[str, Any]:
        """The gate's task instance."""
        self.stage.airflow.check()
        found = self.stage.airflow.api.details(self.dag_id, self.run_id)
        mine = [each for each in found if each["task_id"] == "gate" and each["map_index"] == self.map_index]
        return mine[0] if mine else {"state": None, "try_number": 0}

    @property
    def state(self) -> str:
        """The gate's state."""
        return self.task["state"] or "none"

    def log(self) -> str:
        """Return what all tries logged."""
        return self.stage.airflow.logs_of(self.dag_id, self.run_id)

    def tells(self, text: str, seconds: float = 10) -> bool:
        """Return whether the task's log says something, or the triggerer about it.

        On Python 3.11, Airflow closes the task's log before a long `on_kill` has ended.
        """
        return eventually(
            seconds, lambda: text in self.log() or text in self.stage.airflow.said_about(self.run_id)
        )

    def comes_to(self, *states: str, tries: int = 0, seconds: float = LIMIT) -> Gate:
        """Wait until the gate is in one of these states, in at least that try."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(self.task)
            return seen["state"] in states and seen["try_number"] >= tries

        assert eventually(seconds, there), f"{self.run_id}: {seen.get('state')}, not {states}"
        return self

    def ends(self) -> Gate:
        """Wait until the whole DAG run has ended."""
        ended = eventually(LIMIT, lambda: self.stage.airflow.api.state(self.dag_id, self.run_id) in ENDED)
        assert ended, f"{self.run_id}: its DAG run does not end"
        return self

    def is_looked_at(self, sessions: int = 1, seconds: float = LIMIT) -> Gate:
        """Wait until that many sessions are started and a worker looks at the newest: ids are stored."""
        there = eventually(seconds, lambda: len(self.sessions) >= sessions and self.waited_for)
        assert there, f"{self.run_id}: {len(self.sessions)} session(s), {self.state}"
        return self

    def defers(self, sessions: int = 1) -> Gate:
        """Wait until that many sessions are started and the triggerer waits for the newest."""
        there = eventually(LIMIT, lambda: len(self.sessions) >= sessions and self.is_awaited)
        assert there, f"{self.run_id}: {len(self.sessions)} session(s), {self.state}, not awaited"
        return self.comes_to("deferred")

    def faults(
        self,
        state: str,
        posts: int = 1,
        tries: int = 0,
        cancelled: Sequence[str] = (),
        seconds: float = LIMIT,
    ) -> list[str]:
        """Wait for the end, and return what is not as it should be: first what was lost, then doubled."""
        ended = eventually(seconds, lambda: self.state == state or self.state in ENDED - {state})
        task, wanted = self.task, dict.fromkeys(cancelled, 1)
        eventually(20, lambda: self.cancels == wanted and not self.unanswered)
        self.stage.kept[self.run_id, self.map_index] = lambda: self._more(posts, wanted)
        found = {
            f"lost: it is still {task['state']}": not ended,
            f"lost: it is {task['state']}, not {state}": ended and task["state"] != state,
            f"doubled: {len(self.posts)} triggers, not {posts}": len(self.posts) > posts,
            f"wrong: {len(self.posts)} triggers, not {posts}": len(self.posts) < posts,
            f"wrong: try {task['try_number']}, not {tries}": tries not in {0, task["try_number"]},
            f"wrong: cancelled {self.cancels}, not {wanted}": self.cancels != wanted,
            "wrong: a cancel was cut off": bool(self.unanswered),
            **(self._xcom() if state == "success" else {}),
        }
        return [f"{self.run_id}: {fault}" for fault, true in found.items() if true]

    def _more(self, posts: int, cancels: dict[str, int]) -> list[str]:
        """Return what came after the end."""
        found = {
            f"doubled: {len(self.posts)} triggers, not {posts}": len(self.posts) > posts,
            f"wrong: cancelled {self.cancels}, not {cancels}": self.cancels != cancels,
        }
        return [f"{self.run_id}: {fault}" for fault, true in found.items() if true]

    def _xcom(self) -> dict[str, bool]:
        """Look whether XCom holds the newest session of every check."""
        newest = {
            each.check.id: each.id for each in self.stage.checkly.sessions if each.check.id in self.check_ids
        }
        value = self.xcom("return_value") or []
        got = {each["checkId"]: each["checkSessionId"] for each in value}
        ids, evaluation = self.xcom("check_session_ids"), self.xcom("gate") or {}
        return {
            f"wrong: XCom gate is {evaluation}": evaluation.get("outcome") != "passed",
            "wrong: XCom holds no report": not (self.xcom("report") and self.xcom("report_slack")),
            f"wrong: XCom holds {got}, not {newest}": got != newest,
            f"wrong: XCom holds statuses {value}": {each["status"] for each in value} != {"PASSED"},
            f"wrong: XCom holds the ids {ids}": set(ids or ()) != set(newest.values()),
            "wrong: XCom holds no link": not self.xcom("checkly_link"),
        }

    def xcom(self, key: str) -> Any:
        """Return what the gate left in XCom."""
        return self.stage.airflow.api.xcom_of(self.dag_id, self.run_id, key, self.map_index)
