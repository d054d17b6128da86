"""orlop login: credentials for a registry, kept for pulls and pushes."""

from __future__ import annotations

import sys

from orlop.client import Client
from orlop.client.credentials import Keeping, Login, name_of
from orlop.errors import InvalidArgument, Unauthorized
from orlop.faces.cli.notes import note, warn
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] [REGISTRY]"
WORDS = (0, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--username", "-u"), TEXT, "who you are there", "NAME"),
    Option(("--password", "-p"), TEXT, "seen by everybody who lists processes", "PASSWORD"),
    Option(("--password-stdin",), FLAG, "read the password from standard input"),
)
EXAMPLE = """\
orlop login registry.example
orlop login -u me --password-stdin registry.example <password.txt"""


def run(values: Values, screen: Screen) -> int:
    """Has the engine ask the registry, and keeps them if they are right."""
    registry = name_of(values.words[0] if values.words else "")
    keeping = Keeping()
    login = _login(values, keeping.login_of(registry))
    body = {"username": login.user, "password": login.password, "serveraddress": registry}
    if login.token:
        body = {"identitytoken": login.token, "serveraddress": registry}
    answer = Client().post("/auth", body) or {}
    token = str(answer.get("IdentityToken") or "")
    kept = login.replace(password="", token=token) if token else login
    where = keeping.keep(registry, kept)
    note(f"credentials are kept in {where}")
    screen.line(str(answer.get("Status") or "Login Succeeded"))
    return 0


def _login(values: Values, before: Login) -> Login:
    """Who to be: as given, as kept, or as somebody says at the terminal.

    Raises:
        InvalidArgument: options contradict each other, or something is empty.
        Unauthorized: nobody is there to be asked.
    """
    user = values.text("username")
    if values.flag("password-stdin"):
        if values.given("password"):
            raise InvalidArgument("--password and --password-stdin cannot be given together")
        if not user:
            raise InvalidArgument("--password-stdin needs --username")
        return _checked(user, sys.stdin.read().removesuffix("\n").removesuffix("\r"))
    if values.given("password"):
        warn("--password-stdin is safer than --password")
        return _checked(user, values.text("password"))
    if before != Login() and user in ("", before.user):
        return before
    return _asked(user or before.user)


def _asked(user: str) -> Login:
    if not sys.stdin.isatty():
        raise Unauthorized("nobody is at a terminal to be asked", hint="--password-stdin")
    from getpass import getpass

    if not user:
        sys.stderr.write("Username: ")
        sys.stderr.flush()
        user = sys.stdin.readline().strip()
    return _checked(user, getpass("Password: "))


def _checked(user: str, password: str) -> Login:
    if not user or not password:
        raise InvalidArgument("a login needs a user name and a password")
    return Login(user, password)
