"""Makes a tree of a template's text, by the grammar of Go's text/template."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.template import literals, nodes
from orlop.faces.cli.template import tokens as kind
from orlop.faces.cli.template.lexer import tokens
from orlop.faces.cli.template.literals import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from orlop.faces.cli.template.tokens import Token

_CONSTANTS = (kind.BOOL, kind.NUMBER, kind.CHARACTER, kind.STRING, kind.RAW)
_STARTS = (*_CONSTANTS, kind.DOT, kind.FIELD, kind.WORD, kind.NIL, kind.VARIABLE, kind.LEFT)
_NO_COMMAND = (nodes.Constant, nodes.Dot, nodes.Nil)
_SHOWN = 10  # characters of an unexpected token


def parse(text: str, functions: Container[str]) -> nodes.Tree:
    """The tree of a template.

    Args:
        text: the template.
        functions: the names of those that it may use.

    Raises:
        InvalidArgument: it is not a template; the message says in which line.
    """
    parser = _Parser(text, functions)
    body = parser.whole()
    return nodes.Tree(text, body, parser.defined)


class _Ending(nodes.Node):
    """`{{end}}` or `{{else}}`: where a block ends. No part of a tree."""

    keyword: str


class _Parser:
    """A place in the tokens of a template, and the names that are known there."""

    def __init__(self, text: str, functions: Container[str]) -> None:
        self.defined: dict[str, nodes.Block] = {}
        self._text = text
        self._functions = functions
        self._tokens = tokens(text)
        self._index = 0
        self._variables = ["$"]
        self._ranges = 0
        self._action_at = -1

    # --- tokens ---

    def _next(self) -> Token:
        token = self._tokens[self._index]
        if self._index < len(self._tokens) - 1:
            self._index += 1
        return token

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _skip(self) -> Token:
        """The next token that is no blank, still to be taken."""
        while self._peek().kind == kind.SPACE:
            self._next()
        return self._peek()

    def _take(self) -> Token:
        self._skip()
        return self._next()

    def _line(self, at: int) -> int:
        return 1 + self._text.count("\n", 0, at)

    def _fail(self, message: str, at: int | None = None) -> InvalidArgument:
        if at is None:
            at = self._tokens[max(0, self._index - 1)].at
        return InvalidArgument(f"template: :{self._line(at)}: {message}")

    def _unexpected(self, token: Token, context: str) -> InvalidArgument:
        if token.kind == kind.WRONG:
            return self._fail(token.text + self._action_started(token), token.at)
        return self._fail(f"unexpected {_shown(token)} in {context}", token.at)

    def _action_started(self, wrong: Token) -> str:
        line = self._line(max(0, self._action_at))
        if self._action_at < 0 or line == self._line(wrong.at):
            return ""
        prefix = "" if wrong.text.endswith(" action") else " in action"
        return f"{prefix} started at :{line}"

    def _expect(self, which: str, context: str) -> Token:
        token = self._take()
        if token.kind != which:
            raise self._unexpected(token, context)
        return token

    # --- blocks ---

    def whole(self) -> nodes.Block:
        """Everything, to the end."""
        statements: list[nodes.Node] = []
        while self._peek().kind != kind.END:
            if self._is_definition():
                self._define()
                continue
            statement = self._statement()
            if isinstance(statement, _Ending):
                raise self._fail(f"unexpected {{{{{statement.keyword}}}}}")
            statements.append(statement)
        return nodes.Block(0, tuple(statements))

    def _is_definition(self) -> bool:
        start = self._index
        found = self._next().kind == kind.OPEN and self._take().text == "define"
        self._index = start
        return found

    def _define(self) -> None:
        self._next()
        self._take()
        context = "define clause"
        name = self._name(context)
        self._expect(kind.CLOSE, context)
        outer, self._variables = self._variables, ["$"]
        body, ending = self._block()
        if ending.keyword != "end":
            raise self._fail(f"unexpected {{{{{ending.keyword}}}}} in {context}")
        self._variables = outer
        self._add(name, body)

    def _add(self, name: str, body: nodes.Block) -> None:
        """Keeps a definition; one of the same name that says nothing is replaced."""
        if name in self.defined and not _is_empty(body) and not _is_empty(self.defined[name]):
            raise self._fail(f"template: multiple definition of template {quoted(name)}")
        if name not in self.defined or not _is_empty(body):
            self.defined[name] = body

    def _name(self, context: str) -> str:
        token = self._take()
        if token.kind not in (kind.STRING, kind.RAW):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return literals.unquoted(token.text)
        except ValueError as bad:
            raise self._fail(str(bad), token.at) from None

    def _block(self) -> tuple[nodes.Block, _Ending]:
        """Statements up to `{{end}}` or `{{else}}`."""
        at = self._skip().at
        statements: list[nodes.Node] = []
        while self._peek().kind != kind.END:
            statement = self._statement()
            if isinstance(statement, _Ending):
                return nodes.Block(at, tuple(statements)), statement
            statements.append(statement)
        raise self._fail("unexpected EOF", self._peek().at)

    def _statement(self) -> nodes.Node:
        token = self._take()
        if token.kind == kind.TEXT:
            return nodes.Text(token.at, token.text)
        if token.kind != kind.OPEN:
            raise self._unexpected(token, "input")
        self._action_at = token.at
        action = self._action()
        self._action_at = -1
        return action

    def _action(self) -> nodes.Node:
        """What stands behind `{{`."""
        token = self._skip()
        if token.kind != kind.KEYWORD:
            return nodes.Action(token.at, self._pipeline("command", kind.CLOSE))
        self._next()
        match token.text:
            case "if" | "with" | "range":
                return self._branch(token.text)
            case "break" | "continue":
                return self._leave(token)
            case "template":
                return self._template()
            case "block":
                return self._defining_call()
            case "end":
                self._expect(kind.CLOSE, "end")
                return _Ending(token.at, "end")
            case "else":
                return self._else(token)
            case _:
                raise self._unexpected(token, "command")

    def _else(self, token: Token) -> _Ending:
        if self._skip().text not in ("if", "with"):
            self._expect(kind.CLOSE, "else")
        return _Ending(token.at, "else")

    def _branch(self, keyword: str) -> nodes.Branch:
        """`if`, `with` or `range`; what is declared in it is known to its `end`."""
        known = len(self._variables)
        pipe = self._pipeline(keyword, kind.CLOSE)
        self._ranges += keyword == "range"
        body, ending = self._block()
        self._ranges -= keyword == "range"
        otherwise = self._otherwise(keyword, ending) if ending.keyword == "else" else None
        del self._variables[known:]
        return _BRANCHES[keyword](pipe.at, pipe, body, otherwise)

    def _otherwise(self, keyword: str, ending: _Ending) -> nodes.Block:
        if self._peek().text == keyword and keyword != "range":  # {{else if}}, {{else with}}
            self._next()
            return nodes.Block(ending.at, (self._branch(keyword),))
        otherwise, end = self._block()
        if end.keyword != "end":
            raise self._fail(f"expected end; found {{{{{end.keyword}}}}}")
        return otherwise

    def _leave(self, token: Token) -> nodes.Node:
        context = f"{{{{{token.text}}}}}"
        self._expect(kind.CLOSE, context)
        if not self._ranges:
            raise self._fail(f"{context} outside {{{{range}}}}")
        return nodes.Break(token.at) if token.text == "break" else nodes.Continue(token.at)

    def _template(self) -> nodes.Call:
        context = "template clause"
        at, name = self._skip().at, self._name(context)
        if self._skip().kind == kind.CLOSE:
            self._next()
            return nodes.Call(at, name)
        return nodes.Call(at, name, self._pipeline(context, kind.CLOSE))

    def _defining_call(self) -> nodes.Call:
        """`{{block "name" pipeline}}`: defines a template and uses it."""
        context = "block clause"
        at, name = self._skip().at, self._name(context)
        pipe = self._pipeline(context, kind.CLOSE)
        outer, self._variables = self._variables, ["$"]
        body, ending = self._block()
        if ending.keyword != "end":
            raise self._fail(f"unexpected {{{{{ending.keyword}}}}} in {context}")
        self._variables = outer
        self._add(name, body)
        return nodes.Call(at, name, pipe)

    # --- pipelines ---

    def _pipeline(self, context: str, end: str) -> nodes.Pipe:
        at = self._skip().at
        variables, assigns = self._declarations(context)
        commands: list[nodes.Command] = []
        while self._skip().kind != end:
            if self._peek().kind not in _STARTS:
                raise self._unexpected(self._next(), context)
            commands.append(self._command())
        self._next()
        self._check(commands, context)
        return nodes.Pipe(at, tuple(commands), variables, assigns)

    def _check(self, commands: list[nodes.Command], context: str) -> None:
        if not commands:
            raise self._fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], _NO_COMMAND):
                raise self._fail(f"non executable command in pipeline stage {stage}")

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        """The variables before `:=` or `=`, and whether it was that."""
        names: list[str] = []
        while self._skip().kind == kind.VARIABLE:
            start = self._index
            name, sign = self._next(), self._skip()
            if sign.kind not in (kind.DECLARE, kind.ASSIGN) and sign.text != ",":
                self._index = start
                break
            self._next()
            names.append(name.text)
            self._variables.append(name.text)
            if sign.text != ",":
                return tuple(names), sign.kind == kind.ASSIGN
            self._check_list(names, context)
        return tuple(names), False

    def _check_list(self, names: list[str], context: str) -> None:
        """After a comma: only `range` has two."""
        if context != "range" or len(names) > 1:
            raise self._fail(f"too many declarations in {context}")
        if self._skip().kind not in (kind.VARIABLE, kind.CLOSE, kind.RIGHT):
            raise self._fail("range can only initialize variables")

    def _command(self) -> nodes.Command:
        at, operands = self._skip().at, []
        while True:
            self._skip()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._peek()
            if token.kind == kind.SPACE:
                continue
            if token.kind == kind.PIPE:
                self._next()
            elif token.kind not in (kind.CLOSE, kind.RIGHT):
                raise self._unexpected(self._next(), "operand")
            break
        if not operands:
            raise self._fail("empty command")
        return nodes.Command(at, tuple(operands))

    def _operand(self) -> nodes.Node | None:
        """A term and the fields behind it."""
        term = self._term()
        if term is None or self._peek().kind != kind.FIELD:
            return term
        at, names = self._peek().at, []
        while self._peek().kind == kind.FIELD:
            names.append(self._next().text[1:])
        match term:
            case nodes.Field():
                return nodes.Field(at, (*term.names, *names))
            case nodes.Variable():
                return nodes.Variable(at, term.name, tuple(names))
            case nodes.Chain() | nodes.Pipe() | nodes.Word():
                return nodes.Chain(at, term, tuple(names))
            case _:
                shown = term.text if isinstance(term, nodes.Constant) else self._text[term.at]
                shown = "nil" if isinstance(term, nodes.Nil) else shown
                raise self._fail(f"unexpected . after term {quoted(shown)}")

    def _term(self) -> nodes.Node | None:
        token = self._skip()
        if token.kind not in _STARTS:
            return None
        self._next()
        match token.kind:
            case kind.WORD:
                if token.text not in self._functions:
                    raise self._fail(f"function {quoted(token.text)} not defined", token.at)
                return nodes.Word(token.at, token.text)
            case kind.DOT:
                return nodes.Dot(token.at)
            case kind.NIL:
                return nodes.Nil(token.at)
            case kind.FIELD:
                return nodes.Field(token.at, (token.text[1:],))
            case kind.VARIABLE:
                return self._variable(token)
            case kind.LEFT:
                return self._pipeline("parenthesized pipeline", kind.RIGHT)
            case _:
                return self._constant(token)

    def _variable(self, token: Token) -> nodes.Variable:
        if token.text not in self._variables:
            raise self._fail(f"undefined variable {quoted(token.text)}", token.at)
        return nodes.Variable(token.at, token.text)

    def _constant(self, token: Token) -> nodes.Constant:
        if token.kind == kind.BOOL:
            return nodes.Constant(token.at, token.text == "true", token.text)
        if token.kind in (kind.STRING, kind.RAW):
            return nodes.Constant(token.at, self._unquoted(token), token.text)
        try:
            if token.kind == kind.NUMBER:
                return nodes.Constant(token.at, literals.number(token.text), token.text)
            return nodes.Constant(token.at, literals.character(token.text), token.text)
        except ValueError as bad:
            raise self._fail(str(bad), token.at) from None


_BRANCHES = {"if": nodes.If, "with": nodes.With, "range": nodes.Range}


def _shown(token: Token) -> str:
    """A token as messages name it."""
    if token.kind == kind.END:
        return "EOF"
    if token.kind in (kind.KEYWORD, kind.DOT, kind.NIL):
        return f"<{token.text}>"
    if len(token.text) > _SHOWN:
        return f"{quoted(token.text[:_SHOWN])}..."
    return quoted(token.text)


def _is_empty(block: nodes.Block) -> bool:
    """Whether it is nothing but blanks."""
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in block.statements)
