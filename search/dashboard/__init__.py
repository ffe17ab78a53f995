"""The stock optuna-dashboard, made safe to leave running.

optuna-dashboard has no login, does not look at the `Host` header and deletes a study on a bare
`DELETE`. `guard` is a pure WSGI layer that puts this right; `server` runs the real dashboard behind
it. Start reading at `server.serve`.
"""

from search.dashboard.guard import Guard
from search.dashboard.password import Credentials, PasswordFileError, read_password_file
from search.dashboard.server import AddressError, DashboardServer, open_server, serve

__all__ = [
    "AddressError",
    "Credentials",
    "DashboardServer",
    "Guard",
    "PasswordFileError",
    "open_server",
    "read_password_file",
    "serve",
]
