"""Credentials for registries, where Docker's command keeps them: config.json and its helpers.

    {"auths": {"registry.example": {"auth": "BASE64 OF user:password"}},
     "credHelpers": {"registry.example": "pass"}, "credsStore": "secretservice"}

A helper `pass` is the program docker-credential-pass on PATH.

See: docker-login(1); github.com/docker/docker-credential-helpers.
"""

from __future__ import annotations

import binascii
import os

from orlop import jsontext
from orlop.errors import InvalidArgument, NotFound, Unavailable
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DOCKER_HUB = "https://index.docker.io/v1/"
"""Docker Hub's name in the file, and among helpers."""
TOKEN_USER = "<token>"  # noqa: S105 - what helpers say in place of a user's name
_ABSENT = "credentials not found"  # what helpers print; their protocol has no other sign


class Login(Record):
    """Who somebody is to a registry: a name with a password, or a token in place of both."""

    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"Login({self.user!r}, ...)"  # nothing secret goes into a traceback


NOBODY = Login()


def header_of(login: Login, registry: str) -> dict[str, str]:
    """The header of a request that acts for somebody at a registry; as X-Registry-Auth has it."""
    document: dict[str, str] = {}
    if login.token:
        document = {"identitytoken": login.token, "serveraddress": registry}
    elif login.user:
        document = {
            "username": login.user,
            "password": login.password,
            "serveraddress": registry,
        }
    text = binascii.b2a_base64(jsontext.dumps(document).encode(), newline=False)
    return {"X-Registry-Auth": text.decode().replace("+", "-").replace("/", "_")}


def name_of(registry: str) -> str:
    """The name under which credentials for a registry are kept; Docker Hub has one of its own."""
    bare = registry.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DOCKER_HUB if bare in ("docker.io", "index.docker.io", "") else bare


class Keeping:
    """The file in a directory, as it was read.

    Raises:
        InvalidArgument: it is not JSON.
    """

    def __init__(self, directory: str = "") -> None:
        home = os.environ.get("DOCKER_CONFIG") or f"{os.environ.get('HOME', '/root')}/.docker"
        self.path = f"{directory or home}/config.json"
        try:
            with open(self.path, "rb") as file:
                found = jsontext.loads(file.read() or b"{}")
        except OSError:
            found = {}
        except InvalidArgument as bad:
            raise InvalidArgument(f"{self.path}: {bad.message}") from None
        self._document: dict[str, Any] = found if isinstance(found, dict) else {}

    def login_of(self, registry: str) -> Login:
        """Who this user is to a registry; `NOBODY` if nobody knows.

        Raises:
            Unavailable: the helper fails.
        """
        name = name_of(registry)
        helper = self._helper(name)
        if helper:
            return _asked(helper, name)
        auths = self._members("auths")
        for spelled, entry in auths.items():
            if name_of(spelled) == name and isinstance(entry, dict):
                return _decoded(entry)
        return NOBODY

    def keep(self, registry: str, login: Login) -> str:
        """The credentials are kept; returns where: the file's path, or the helper's name.

        Raises:
            Unavailable: the file cannot be written, or the helper fails.
        """
        name = name_of(registry)
        helper = self._helper(name)
        if helper:
            secret = login.token or login.password
            document = {
                "ServerURL": name,
                "Username": TOKEN_USER if login.token else login.user,
                "Secret": secret,
            }
            _call(helper, "store", jsontext.dumps(document))
            entry: dict[str, str] = {}
        else:
            pair = f"{login.user}:{login.password}".encode()
            entry = {"auth": binascii.b2a_base64(pair, newline=False).decode()}
            if login.token:
                entry = {"auth": entry["auth"], "identitytoken": login.token}
        self._document["auths"] = {**self._members("auths"), name: entry}
        self._write()
        return f"docker-credential-{helper}" if helper else self.path

    def forget(self, registry: str) -> bool:
        """The credentials are gone; False if there were none.

        Raises:
            Unavailable: as `keep`.
        """
        name = name_of(registry)
        helper = self._helper(name)
        if helper:
            _call(helper, "erase", name)
        auths = self._members("auths")
        kept = {spelled: entry for spelled, entry in auths.items() if name_of(spelled) != name}
        if len(kept) == len(auths):
            return bool(helper)
        self._document["auths"] = kept
        self._write()
        return True

    def _members(self, key: str) -> dict[str, Any]:
        found = self._document.get(key)
        return found if isinstance(found, dict) else {}

    def _helper(self, name: str) -> str:
        own = self._members("credHelpers").get(name)
        return str(own or self._document.get("credsStore") or "")

    def _write(self) -> None:
        """The file has the document, all at once, and nobody else can read it."""
        directory = os.path.dirname(self.path)
        fresh = f"{self.path}.{os.getpid()}"
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(fresh, flags, 0o600)
            try:
                os.write(fd, jsontext.pretty(self._document).encode() + b"\n")
            finally:
                os.close(fd)
            os.rename(fresh, os.path.realpath(self.path))
        except OSError as error:
            raise Unavailable(f"cannot write {self.path}: {error.strerror}") from None


def _decoded(entry: dict[str, Any]) -> Login:
    if entry.get("identitytoken"):
        return Login(token=str(entry["identitytoken"]))
    if entry.get("username"):
        return Login(str(entry["username"]), str(entry.get("password", "")))
    try:
        text = binascii.a2b_base64(str(entry.get("auth", ""))).decode()
    except (ValueError, UnicodeDecodeError):
        return NOBODY
    user, colon, password = text.partition(":")
    return Login(user, password.rstrip("\0")) if colon else NOBODY


def _asked(helper: str, name: str) -> Login:
    try:
        answer = jsontext.loads(_call(helper, "get", name))
    except NotFound:
        return NOBODY
    if not isinstance(answer, dict):
        raise Unavailable(f"docker-credential-{helper} gives no JSON object")
    user, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
    return Login(token=secret) if user == TOKEN_USER else Login(user, secret)


def _call(helper: str, verb: str, text: str) -> str:
    """What a helper answers.

    Raises:
        NotFound: it has no such credentials.
        Unavailable: it is not there, or fails.
    """
    import subprocess

    command = f"docker-credential-{helper}"
    try:
        done = subprocess.run([command, verb], input=text, text=True, capture_output=True)  # noqa: PLW1510
    except OSError as error:
        raise Unavailable(f"cannot run {command}: {error.strerror}") from None
    if done.returncode == 0:
        return done.stdout
    said = (done.stdout + done.stderr).strip()
    if _ABSENT in said:
        raise NotFound("login", text)
    raise Unavailable(f"{command} {verb} fails: {said or f'status {done.returncode}'}")
