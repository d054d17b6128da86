"""Who somebody is to a registry."""

from __future__ import annotations

from orlop.records import Record


class Credentials(Record):
    """A user name with a password, or one token for all; empty for nobody in particular.

    Attributes:
        username: "" if there is none.
        password: of that user.
        identity_token: a refresh token, which takes the place of the password.
        registry_token: a bearer token that is sent as it is.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ...)"  # nothing secret goes into a log

    @property
    def is_anonymous(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.username or self.identity_token or self.registry_token)


ANONYMOUS = Credentials()
