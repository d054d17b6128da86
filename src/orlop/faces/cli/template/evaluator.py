"""Performs a template on data, as Go's text/template does it."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.template import nodes
from orlop.faces.cli.template.literals import quoted
from orlop.faces.cli.template.notation import written
from orlop.faces.cli.template.printing import plain, shown
from orlop.faces.cli.template.values import (
    ANYTHING,
    INT,
    INVALID,
    MAP,
    NO_VALUE,
    SLICE,
    STRING,
    Function,
    NilPointer,
    Object,
    Refused,
    Slice,
    is_assignable,
    is_true,
    kind_of,
    type_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn

_INT_LIMIT = 1 << 63
_DEEPEST = 50  # templates in templates; each takes a dozen of the interpreter's frames


class _Missing:
    """The type of _MISSING: there is no value from the command before."""


_MISSING = _Missing()


class _Break(Exception):
    """`{{break}}`"""


class _Continue(Exception):
    """`{{continue}}`"""


def execute(
    tree: nodes.Tree,
    data: object,
    functions: Mapping[str, Function],
    *,
    strict: bool = False,
) -> str:
    """What the template makes of the data.

    Args:
        tree: the template.
        data: what `.` is.
        functions: those that it may use, by name.
        strict: a key that a map does not have is an error, and not "<no value>".

    Raises:
        InvalidArgument: it cannot be done with this data; the message says where.
    """
    state = _State(tree, functions, strict=strict)
    state.frame("", data, 0).walk(data, tree.body)
    return "".join(state.output)


class _State:
    """What is the same for all templates of one execution."""

    def __init__(
        self, tree: nodes.Tree, functions: Mapping[str, Function], *, strict: bool
    ) -> None:
        self.tree = tree
        self.functions = functions
        self.strict = strict
        self.output: list[str] = []

    def frame(self, name: str, data: object, depth: int) -> _Frame:
        """One template on its way."""
        return _Frame(self, name, data, depth)


class _Frame:
    """One template that is being performed: its variables, and the node that errors speak of."""

    def __init__(self, state: _State, name: str, data: object, depth: int) -> None:
        self._state = state
        self._name = name
        self._depth = depth
        self._variables: list[tuple[str, object]] = [("$", data)]
        self._node: nodes.Node = nodes.Dot(0)

    def _fail(self, message: str) -> NoReturn:
        text = self._state.tree.text[: self._node.at]
        line, column = text.count("\n") + 1, len(text[text.rfind("\n") + 1 :].encode())
        name, context = quoted(self._name), written(self._node)
        raise InvalidArgument(
            f"template: :{line}:{column}: executing {name} at <{context}>: {message}"
        )

    # --- statements ---

    def walk(self, dot: object, node: nodes.Node) -> None:
        """Performs a statement."""
        self._node = node
        self._STATEMENTS[type(node)](self, dot, node)

    def _text(self, _: object, node: nodes.Text) -> None:
        self._state.output.append(node.text)

    def _block(self, dot: object, node: nodes.Block) -> None:
        for statement in node.statements:
            self.walk(dot, statement)

    def _action(self, dot: object, node: nodes.Action) -> None:
        value = self._pipeline(dot, node.pipe)
        if not node.pipe.variables:
            self._node = node
            self._state.output.append(shown(value))

    def _if(self, dot: object, node: nodes.Branch) -> None:
        known = len(self._variables)
        value = self._pipeline(dot, node.pipe)
        if is_true(value):
            self.walk(value if isinstance(node, nodes.With) else dot, node.body)
        elif node.otherwise:
            self.walk(dot, node.otherwise)
        del self._variables[known:]

    def _break(self, *_: object) -> None:
        raise _Break

    def _continue(self, *_: object) -> None:
        raise _Continue

    def _range(self, dot: object, node: nodes.Range) -> None:
        known = len(self._variables)
        pairs = self._pairs(self._pipeline(dot, node.pipe), len(node.pipe.variables))
        declared = len(self._variables)
        if not pairs and node.otherwise:
            self.walk(dot, node.otherwise)
        for key, item in pairs:
            del self._variables[declared:]
            self._set_items(node.pipe, key, item)
            try:
                self.walk(item, node.body)
            except _Continue:
                continue
            except _Break:
                break
        del self._variables[known:]

    def _pairs(self, value: Any, variables: int) -> Sequence[tuple[object, object]]:
        """What a range goes through."""
        kind = kind_of(value)
        if kind == SLICE:
            return tuple(enumerate(value))
        if kind == MAP:
            return [(key, value[key]) for key in sorted(value)]
        if kind == INT:
            if variables > 1:
                self._fail(f"can't use {plain(value)} to iterate over more than one variable")
            return tuple((number, number) for number in range(value))
        if kind == INVALID:
            return ()
        return self._fail(f"range can't iterate over {plain(value)}")

    def _set_items(self, pipe: nodes.Pipe, key: object, item: object) -> None:
        """One variable has the item; of two the first has its key."""
        values = (key, item) if len(pipe.variables) > 1 else (item,)
        for place, (name, value) in enumerate(
            zip(pipe.variables, values, strict=False), -len(pipe.variables)
        ):
            if pipe.assigns:
                self._set(name, value)
            else:
                self._variables[len(self._variables) + place] = (name, value)

    def _call(self, dot: object, node: nodes.Call) -> None:
        body = self._state.tree.defined.get(node.name)
        if body is None:
            self._fail(f"template {quoted(node.name)} not defined")
        if self._depth == _DEEPEST:
            self._fail(f"exceeded maximum template depth ({_DEEPEST})")
        data = self._pipeline(dot, node.pipe) if node.pipe else NO_VALUE
        self._state.frame(node.name, data, self._depth + 1).walk(data, body)

    _STATEMENTS: Mapping[type[nodes.Node], Callable[[_Frame, object, Any], None]] = {
        nodes.Text: _text,
        nodes.Block: _block,
        nodes.Action: _action,
        nodes.If: _if,
        nodes.With: _if,
        nodes.Range: _range,
        nodes.Break: _break,
        nodes.Continue: _continue,
        nodes.Call: _call,
    }

    # --- pipelines ---

    def _pipeline(self, dot: object, pipe: nodes.Pipe) -> object:
        self._node = pipe
        value: object = _MISSING
        for command in pipe.commands:
            value = self._command(dot, command, value)
            if value is None:
                value = NO_VALUE  # what is in a nil interface
        for name in pipe.variables:
            if pipe.assigns:
                self._set(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _set(self, name: str, value: object) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        self._fail(f"undefined variable: {name}")

    def _command(self, dot: object, command: nodes.Command, final: object) -> object:
        first = command.operands[0]
        match first:
            case nodes.Field():
                return self._field(dot, first, command.operands, final)
            case nodes.Chain():
                return self._chain(dot, first, command.operands, final)
            case nodes.Word():
                return self._function(dot, first, command, command.operands, final)
            case nodes.Pipe():
                self._check_no_arguments(command.operands, final)
                return self._pipeline(dot, first)
            case nodes.Variable():
                return self._variable(dot, first, command.operands, final)
        self._node = first
        self._check_no_arguments(command.operands, final)
        if isinstance(first, nodes.Constant):
            return self._constant(ANYTHING, first)
        if isinstance(first, nodes.Nil):
            self._fail("nil is not a command")
        return dot

    def _check_no_arguments(self, operands: Sequence[nodes.Node], final: object) -> None:
        if len(operands) > 1 or final is not _MISSING:
            self._fail(f"can't give argument to non-function {written(operands[0])}")

    # --- fields ---

    def _field(
        self, dot: object, node: nodes.Field, operands: Sequence[nodes.Node], final: object
    ) -> object:
        self._node = node
        return self._fields(dot, dot, node, node.names, operands, final)

    def _chain(
        self, dot: object, node: nodes.Chain, operands: Sequence[nodes.Node], final: object
    ) -> object:
        self._node = node
        value = self._argument(dot, ANYTHING, node.operand)
        return self._fields(dot, value, node, node.names, operands, final)

    def _variable(
        self, dot: object, node: nodes.Variable, operands: Sequence[nodes.Node], final: object
    ) -> object:
        self._node = node
        value = next(value for name, value in reversed(self._variables) if name == node.name)
        if not node.names:
            self._check_no_arguments(operands, final)
            return value
        return self._fields(dot, value, node, node.names, operands, final)

    def _fields(
        self,
        dot: object,
        value: object,
        node: nodes.Node,
        names: Sequence[str],
        operands: Sequence[nodes.Node],
        final: object,
    ) -> object:
        """One field after the other; the last one may be a method, and has the arguments."""
        declared = ""
        for name in names[:-1]:
            inner = self._member(dot, value, node, name, (), _MISSING, declared)
            declared = ANYTHING if type_of(value).endswith(ANYTHING) else ""
            value = inner
        return self._member(dot, value, node, names[-1], operands, final, declared)

    def _member(
        self,
        dot: object,
        value: Any,
        node: nodes.Node,
        name: str,
        operands: Sequence[nodes.Node],
        final: object,
        declared: str,
    ) -> object:
        """A field, key or method of a value; `declared` is its type if that is an interface."""
        if value is NO_VALUE:
            if self._state.strict:
                self._fail(f"nil data; no entry for key {quoted(name)}")
            return NO_VALUE
        if value is None:
            self._fail(f"nil pointer evaluating {ANYTHING}.{name}")
        has_arguments = len(operands) > 1 or final is not _MISSING
        if isinstance(value, Object):
            method = value.method(name)
            if method:
                return self._apply(dot, method, node, name, operands[1:], final)
            return self._struct_field(value, name, has_arguments=has_arguments)
        if isinstance(value, NilPointer):
            if not value.names or name in value.names:
                self._fail(f"nil pointer evaluating {value.go_type}.{name}")
            self._fail(f"can't evaluate field {name} in type {value.go_type}")
        if isinstance(value, dict):
            return self._key(value, name, has_arguments=has_arguments)
        return self._fail(f"can't evaluate field {name} in type {declared or type_of(value)}")

    def _struct_field(self, value: Object, name: str, *, has_arguments: bool) -> object:
        try:
            found = value.field(name)
        except KeyError:
            self._fail(f"can't evaluate field {name} in type {type_of(value)}")
        if has_arguments:
            self._fail(f"{name} has arguments but cannot be invoked as function")
        return found

    def _key(self, value: Mapping[str, object], name: str, *, has_arguments: bool) -> object:
        if has_arguments:
            self._fail(f"{name} is not a method but has arguments")
        if name not in value and self._state.strict:
            self._fail(f"map has no entry for key {quoted(name)}")
        return value.get(name, NO_VALUE)

    # --- functions ---

    def _function(
        self,
        dot: object,
        word: nodes.Word,
        command: nodes.Node,
        operands: Sequence[nodes.Node],
        final: object,
    ) -> object:
        self._node = word
        if word.name in ("and", "or"):
            return self._first_that_decides(dot, word.name, operands[1:], final)
        if word.name == "call" and operands[1:]:
            return self._call_value(dot, command, operands[1:])
        function = self._state.functions[word.name]
        return self._apply(dot, function, command, word.name, operands[1:], final)

    def _call_value(
        self, dot: object, node: nodes.Node, operands: Sequence[nodes.Node]
    ) -> NoReturn:
        """`call`: no value is a function, so all that is left is to say so."""
        value, *_ = [self._argument(dot, ANYTHING, operand) for operand in operands]
        operand, self._node = operands[0], node
        if kind_of(value) == INVALID:
            self._fail("error calling call: call of nil")
        kind = type_of(value)
        self._fail(f"error calling call: non-function {written(operand)} of type {kind}")

    def _first_that_decides(
        self, dot: object, name: str, operands: Sequence[nodes.Node], final: object
    ) -> object:
        """`and`, `or`: the arguments behind it are not even looked at."""
        if not operands and final is _MISSING:
            self._fail(f"wrong number of args for {name}: want at least 1 got 0")
        value: object = NO_VALUE
        for operand in operands:
            value = self._argument(dot, ANYTHING, operand)
            if is_true(value) == (name == "or"):
                return value
        return value if final is _MISSING else final

    def _apply(
        self,
        dot: object,
        function: Function,
        node: nodes.Node,
        name: str,
        operands: Sequence[nodes.Node],
        final: object,
    ) -> object:
        """Calls it with its arguments, the last of which may come from the command before."""
        params = self._parameters(function, name, len(operands), piped=final is not _MISSING)
        arguments = [
            self._argument(dot, kind, operand)
            for kind, operand in zip(params, operands, strict=False)
        ]
        if final is not _MISSING:
            arguments.append(self._checked(final, params[len(operands)]))
        try:
            return function.call(*arguments)
        except Refused as refused:
            self._node = node
            self._fail(f"error calling {name}: {refused}")

    def _parameters(
        self, function: Function, name: str, given: int, *, piped: bool
    ) -> tuple[str, ...]:
        """The types of all arguments."""
        needed, there = len(function.params), given + piped
        if function.rest and there < needed:
            self._fail(f"wrong number of args for {name}: want at least {needed} got {given}")
        if not function.rest and there != needed:
            self._fail(f"wrong number of args for {name}: want {needed} got {there}")
        return function.params + (function.rest,) * (there - needed)

    def _argument(self, dot: object, kind: str, node: nodes.Node) -> object:
        self._node = node
        match node:
            case nodes.Nil():
                return self._checked(NO_VALUE, kind) if _can_be_nil(kind) else self._no_nil(kind)
            case nodes.Constant():
                return self._constant(kind, node)
            case nodes.Dot():
                value = dot
            case nodes.Field():
                value = self._field(dot, node, (node,), _MISSING)
            case nodes.Variable():
                value = self._variable(dot, node, (node,), _MISSING)
            case nodes.Pipe():
                value = self._pipeline(dot, node)
            case nodes.Chain():
                value = self._chain(dot, node, (node,), _MISSING)
            case nodes.Word():
                value = self._function(dot, node, node, (node,), _MISSING)
            case _:
                self._fail(f"can't handle {written(node)}")
        return self._checked(value, kind)

    def _no_nil(self, kind: str) -> NoReturn:
        self._fail(f"cannot assign nil to {kind}")

    def _constant(self, kind: str, node: nodes.Constant) -> object:
        found = kind_of(node.value)
        if found == INT and not -_INT_LIMIT <= int(node.value) < _INT_LIMIT:
            self._fail(f"{node.text} overflows int")
        if kind not in (ANYTHING, STRING, INT):
            self._fail(f"can't handle {node.text} for arg of type {kind}")
        if kind == STRING and found != STRING:
            self._fail(f"expected string; found {node.text}")
        if kind == INT:
            if isinstance(node.value, float) and node.value.is_integer():
                return int(node.value)
            if found != INT:
                self._fail(f"expected integer; found {node.text}")
        return node.value

    def _checked(self, value: object, kind: str) -> object:
        """The value, which is of the type that a function wants."""
        if kind == ANYTHING:
            return value
        if value is NO_VALUE and _can_be_nil(kind):
            return Slice(go_type=kind, is_nil=True)
        if value is NO_VALUE:
            self._fail(f"invalid value; expected {kind}")
        if value is None or not is_assignable(value, kind):
            found = ANYTHING if value is None else type_of(value)
            self._fail(f"wrong type for value; expected {kind}; got {found}")
        return value


def _can_be_nil(go_type: str) -> bool:
    return go_type == ANYTHING or go_type.startswith("[")
