"""Go's text/template as docker's `--format` uses it.

A template's text is cut into tokens (`lexer`), made into a tree (`parser`, `nodes`), and performed
on data (`evaluator`, `values`). What it prints and what it says of errors is what docker prints and
says, byte for byte; tests/integration/faces compares the two.

Left out: complex numbers, other delimiters, functions as values.

See: pkg.go.dev/text/template; docs.docker.com, "Format command and log output".
"""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.template import evaluator, parser
from orlop.faces.cli.template.docker_functions import DOCKER, HEADER
from orlop.faces.cli.template.functions import BUILTINS
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.template.nodes import Tree

_FUNCTIONS = {**BUILTINS, **DOCKER}
_IN_HEADS = {**_FUNCTIONS, **HEADER}
_NAMES = frozenset((*_FUNCTIONS, "and", "or"))
_TOO_DEEP = "template: it is nested too deeply"


class Template(Record):
    """A template that can be performed."""

    tree: Tree

    def execute(self, data: object, *, strict: bool = False) -> str:
        """What it makes of the data (see `values`).

        Args:
            data: what `.` is.
            strict: a key that a map does not have is an error, and not "<no value>".

        Raises:
            InvalidArgument: it cannot be done with this data; the message says where.
        """
        try:
            return evaluator.execute(self.tree, data, _FUNCTIONS, strict=strict)
        except RecursionError:
            raise InvalidArgument(_TOO_DEEP) from None

    def head(self, names: object) -> str:
        """What it makes of the names of columns: functions leave these as they are."""
        try:
            return evaluator.execute(self.tree, names, _IN_HEADS)
        except RecursionError:
            raise InvalidArgument(_TOO_DEEP) from None


def parse(text: str) -> Template:
    """The template of a text.

    Raises:
        InvalidArgument: it is none; the message says in which line, and what was not expected.
    """
    try:
        return Template(parser.parse(text, _NAMES))
    except RecursionError:
        raise InvalidArgument(_TOO_DEEP) from None
