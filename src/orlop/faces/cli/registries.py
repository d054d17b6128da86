"""Images from registries and to them, with the credentials that this user keeps."""

from __future__ import annotations

from orlop.client.addresses import part
from orlop.client.credentials import Keeping, header_of, name_of
from orlop.faces.cli.transfers import show_all
from orlop.image import reference as references

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client import Client
    from orlop.faces.cli.transfers import Show


def pull_image(
    client: Client, ref: str, *, platform: str = "", all_tags: bool = False, show: Show
) -> str:
    """The engine has the image; returns its whole name.

    Args:
        client: the engine.
        ref: as people write it; `latest` is pulled if it has no tag.
        platform: "" for the engine's own.
        all_tags: every image of the repository.
        show: gets what the engine reports.

    Raises:
        InvalidArgument: the name is none.
        Refused: it cannot be pulled.
    """
    reference = references.parse(ref)
    if not all_tags:
        reference = reference.with_default_tag()
    query = {
        "fromImage": reference.name,
        "tag": reference.digest or reference.tag or None,
        "platform": platform or None,
    }
    headers = _credentials(reference.domain)
    show_all(client.stream("POST", "/images/create", query, headers=headers), show)
    return str(reference)


def push_image(client: Client, ref: str, *, all_tags: bool = False, show: Show) -> str:
    """The registry has the image; returns its whole name.

    Raises:
        As `pull_image`.
    """
    reference = references.parse(ref)
    if not all_tags:
        reference = reference.with_default_tag()
    path = f"/images/{part(reference.name)}/push"
    headers = _credentials(reference.domain)
    query = {"tag": reference.tag or None}
    show_all(client.stream("POST", path, query, headers=headers), show)
    return str(reference)


def _credentials(domain: str) -> dict[str, str]:
    return header_of(Keeping().login_of(domain), name_of(domain))
