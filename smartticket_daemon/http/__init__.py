"""One HTTP session for every helpdesk: bounded in time and size, tied to one host, within the budget.

settings   HelpdeskSettings: what every helpdesk source can be told
base       the one place requests may go to
limits     what an answer's headers say about rates
budget     the share of those rates that is ours, counted once for each account
border     foreign exceptions and status codes become errors of ours
answer     what came back: status, headers, a capped body
deadline   connections on which a trickling server runs out of time
session    the session itself
"""

from smartticket_daemon.http.answer import Answer
from smartticket_daemon.http.base import Base
from smartticket_daemon.http.border import Conflict, NotFound, Refused, Throttled
from smartticket_daemon.http.clock import Clock
from smartticket_daemon.http.session import Auth, Session
from smartticket_daemon.http.settings import HelpdeskSettings

__all__ = [
    "Answer",
    "Auth",
    "Base",
    "Clock",
    "Conflict",
    "HelpdeskSettings",
    "NotFound",
    "Refused",
    "Session",
    "Throttled",
]
