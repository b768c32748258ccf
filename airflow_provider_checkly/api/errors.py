"""What can go wrong between us and Checkly.

ChecklyError
 +- InvalidInput         an argument or a field of the connection that cannot work
 +- ChecklyUnreachable   no whole answer came: DNS, connection, TLS, proxy, time
 +- ChecklyRefused       Checkly answered, and said no (`status`, `message`)
 |   +- ChecklyAuthError     401, 403
 |   +- ChecklyPlanLimit     402
 |   +- ChecklyNotFound      404
 |   |   +- NoMatchingChecks     404 of a trigger
 |   +- ChecklyRateLimited   429
 +- ChecklyUnreadable    an answer that is not what Checkly's documents promise
 +- ChecksNotRun         a check that was asked for has no session (`check_ids`, `sessions`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.wire import JsonObject


class ChecklyError(Exception):
    """Anything that goes wrong between us and Checkly.

    `transient`: whether the same request may succeed a little later. `permanent`: whether another try of the
    task has no prospect of a better end. `may_have_started`: whether a trigger that ended so may have started
    sessions all the same.
    """

    transient = False
    permanent = False
    may_have_started = True


class InvalidInput(ChecklyError, ValueError):
    """An argument or a field of the connection that cannot work."""

    permanent = True
    may_have_started = False


class ChecklyUnreachable(ChecklyError):
    """No whole answer came.

    :param taken: whether Checkly may have taken the request all the same.
    :param hopeless: whether asking again cannot help (a certificate that is not trusted).
    """

    def __init__(self, text: str, *, taken: bool = True, hopeless: bool = False) -> None:
        super().__init__(text)
        self.taken = self.may_have_started = taken
        self.hopeless = hopeless
        self.transient = not hopeless


class ChecklyRefused(ChecklyError):
    """Checkly answered, and said no.

    :param status: the HTTP status.
    :param message: what Checkly said.
    :param retry_after: seconds after which Checkly wants to be asked again.
    """

    def __init__(
        self, text: str, *, status: int = 0, message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.transient = status in {408, 429, 500, 502, 503, 504}
        self.permanent = status in {400, 401, 402, 404}
        self.may_have_started = status in range(500, 600)


class ChecklyAuthError(ChecklyRefused):
    """401: the API key is not accepted; 403: it is, but not for this account or action."""


class ChecklyPlanLimit(ChecklyRefused):
    """402: the account's plan does not allow it."""


class ChecklyNotFound(ChecklyRefused):
    """404: Checkly knows no such thing."""


class NoMatchingChecks(ChecklyNotFound):
    """404 of a trigger: no check that is active matches ids and tags."""


class ChecklyRateLimited(ChecklyRefused):
    """429: too many requests for this account."""


class ChecklyUnreadable(ChecklyError):
    """An answer that is not what Checkly's documents promise.

    :param of_trigger: whether it is the answer to a trigger, so that another try would start checks twice.
    """

    def __init__(self, text: str, *, of_trigger: bool = False) -> None:
        super().__init__(text)
        self.permanent = of_trigger


class ChecksNotRun(ChecklyError):
    """A check that was asked for has no session.

    :param check_ids: the checks without a session.
    :param sessions: the sessions that Checkly did start.
    """

    permanent = True

    def __init__(
        self, text: str, *, check_ids: Sequence[str] = (), sessions: Sequence[JsonObject] = ()
    ) -> None:
        super().__init__(text)
        self.check_ids = list(check_ids)
        self.sessions = list(sessions)


REFUSALS: dict[int, type[ChecklyRefused]] = {
    401: ChecklyAuthError,
    402: ChecklyPlanLimit,
    403: ChecklyAuthError,
    404: ChecklyNotFound,
    429: ChecklyRateLimited,
}
