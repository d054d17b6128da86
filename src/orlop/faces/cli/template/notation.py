"""A node as it would be written, for messages of errors."""

from __future__ import annotations

from orlop.faces.cli.template import nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def written(node: nodes.Node) -> str:
    """The node in Go's notation of it."""
    return _FORMS[type(node)](node)


def _fields(names: tuple[str, ...]) -> str:
    return "".join(f".{name}" for name in names)


def _chain(node: nodes.Chain) -> str:
    inner = written(node.operand)
    return (f"({inner})" if isinstance(node.operand, nodes.Pipe) else inner) + _fields(node.names)


def _command(node: nodes.Command) -> str:
    return " ".join(
        f"({written(operand)})" if isinstance(operand, nodes.Pipe) else written(operand)
        for operand in node.operands
    )


def _pipe(node: nodes.Pipe) -> str:
    sign = " = " if node.assigns else " := "
    head = ", ".join(node.variables) + sign if node.variables else ""
    return head + " | ".join(map(_command, node.commands))


def _branch(keyword: str) -> Callable[[nodes.Branch], str]:
    def show(node: nodes.Branch) -> str:
        otherwise = f"{{{{else}}}}{written(node.otherwise)}" if node.otherwise else ""
        return f"{{{{{keyword} {_pipe(node.pipe)}}}}}{written(node.body)}{otherwise}{{{{end}}}}"

    return show


def _call(node: nodes.Call) -> str:
    pipe = f" {_pipe(node.pipe)}" if node.pipe else ""
    return f'{{{{template "{node.name}"{pipe}}}}}'


_FORMS: dict[type[nodes.Node], Callable[[Any], str]] = {
    nodes.Dot: lambda _: ".",
    nodes.Nil: lambda _: "nil",
    nodes.Field: lambda node: _fields(node.names),
    nodes.Variable: lambda node: node.name + _fields(node.names),
    nodes.Chain: _chain,
    nodes.Word: lambda node: node.name,
    nodes.Constant: lambda node: node.text,
    nodes.Command: _command,
    nodes.Pipe: _pipe,
    nodes.Text: lambda node: node.text,
    nodes.Action: lambda node: f"{{{{{_pipe(node.pipe)}}}}}",
    nodes.Block: lambda node: "".join(map(written, node.statements)),
    nodes.If: _branch("if"),
    nodes.With: _branch("with"),
    nodes.Range: _branch("range"),
    nodes.Break: lambda _: "{{break}}",
    nodes.Continue: lambda _: "{{continue}}",
    nodes.Call: _call,
}
