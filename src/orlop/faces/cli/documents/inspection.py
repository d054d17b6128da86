"""What `inspect` shows of objects: their JSON documents, or what a template makes of each."""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import InvalidArgument, OrlopError
from orlop.faces.cli import failed
from orlop.faces.cli.documents.found import find
from orlop.faces.cli.documents.text import indented, one_line
from orlop.faces.cli.exit_codes import FAILED
from orlop.faces.cli.output.formats import write
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.client import Client
    from orlop.faces.cli.documents.found import Found, Kind
    from orlop.faces.cli.screen import Screen
    from orlop.faces.cli.template import Template

FORMAT = Option(
    ("--format", "-f"), TEXT, "json, or a template for each of them, as Go's text/template", "TEXT"
)
_JSON = "json"


def inspect(
    client: Client,
    names: Sequence[str],
    kinds: tuple[Kind, ...],
    screen: Screen,
    *,
    form: str = "",
    query: dict[str, object] | None = None,
) -> int:
    """Shows all objects that there are; says of the others what is wrong. Returns the exit status.

    Args:
        client: the engine.
        names: of the objects.
        kinds: those to look for.
        screen: where to show them.
        form: "", "json" or a template.
        query: what to ask for besides.

    Raises:
        InvalidArgument: the form is no template.
    """
    show = _shower(form)
    found: list[Found] = []
    errors: list[OrlopError] = []
    for name in names:
        try:
            found.append(find(client, name, kinds, query or {}))
        except OrlopError as error:
            errors.append(error)
    try:
        write(screen, show(found))
    except InvalidArgument as error:
        errors.append(error)
    for wrong in errors:
        failed(wrong, FAILED)
    return FAILED if errors else 0


def _shower(form: str) -> Callable[[Sequence[Found]], str]:
    if not form:
        return lambda found: indented(list(map(_document, found))) + "\n"
    if form == _JSON:
        return lambda found: one_line(list(map(_document, found))) + "\n"
    from orlop.faces.cli.template import parse

    template = parse(form)
    return lambda found: "".join(f"{filled(template, one)}\n" for one in found)


def _document(one: Found) -> object:
    """What is shown without a template: what the engine has said, or docker's client would."""
    if one.kind.raw:
        return one.document
    from orlop.faces.cli.documents.typed import typed
    from orlop.faces.cli.template.json_ import encoded

    return jsontext.loads(encoded(typed(one.kind.go_type, one.document)))


def filled(template: Template, one: Found) -> str:
    """What a template makes of an object: as docker's client sees it, or else of its JSON.

    Raises:
        InvalidArgument: neither has what the template asks for.
    """
    from orlop.faces.cli.documents.typed import typed

    try:
        return template.execute(typed(one.kind.go_type, one.document))
    except InvalidArgument:
        if not one.kind.raw:
            raise
    from orlop.faces.cli.documents.raw import raw

    return template.execute(raw(one.document), strict=True)
