"""What a template means: the tree that the parser makes and the evaluator walks.

`at` is an offset in the template's text, in characters: of the token by which Go names the node.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Node(Record):
    """Part of a template."""

    at: int


# --- operands ---------------------------------------------------------------------------------


class Dot(Node):
    """`.`"""


class Nil(Node):
    """`nil`"""


class Field(Node):
    """`.A.B`"""

    names: tuple[str, ...]


class Variable(Node):
    """`$x.A.B`: the variable's name with its dollar, and the fields."""

    name: str
    names: tuple[str, ...] = ()


class Chain(Node):
    """`(pipeline).A.B`, and the like of functions."""

    operand: Node
    names: tuple[str, ...]


class Word(Node):
    """The name of a function."""

    name: str


class Constant(Node):
    """A string, number, character or boolean: its value, and how it was written."""

    value: str | int | float | bool
    text: str


class Command(Node):
    """`operand operand ...`: a value, or a function or method with arguments."""

    operands: tuple[Node, ...]


class Pipe(Node):
    """`$x, $y := command | command`; with `assigns` it is `=`, and the variables exist."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    assigns: bool = False


# --- statements -------------------------------------------------------------------------------


class Text(Node):
    """What is copied."""

    text: str


class Action(Node):
    """`{{pipeline}}`"""

    pipe: Pipe


class Block(Node):
    """What stands between two keywords."""

    statements: tuple[Node, ...]


class Branch(Node):
    """`{{if}}`, `{{with}}` or `{{range}}`: a pipeline, and what is done for it or else."""

    pipe: Pipe
    body: Block
    otherwise: Block | None = None


class If(Branch):
    """`{{if pipeline}}`"""


class With(Branch):
    """`{{with pipeline}}`"""


class Range(Branch):
    """`{{range pipeline}}`"""


class Break(Node):
    """`{{break}}`"""


class Continue(Node):
    """`{{continue}}`"""


class Call(Node):
    """`{{template "name" pipeline}}`"""

    name: str
    pipe: Pipe | None = None


class Tree(Record):
    """A whole template: its text, what it does, and the templates that it defines."""

    text: str
    body: Block
    defined: Mapping[str, Block]
