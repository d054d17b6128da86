"""The host's own rules for what comes in, made to hold for published ports as well. Pure.

A packet to a published port gets the container's address before the host's `input` chains would see
it, so a firewall that closes the port to the world closes nothing. Docker leaves it at that; here
the `input` chains are copied into a table of our own, at the hook through which the packet really
goes, with the original destination in place of the changed one. What cannot be copied is left out
in the direction that is safe: a rule that accepts is not there, one that refuses is reported.

See: libnftables-json(5), nft(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Json = Any

_FAMILIES = ("ip", "ip6", "inet")
_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite", "th")
_PUBLISHED = ("tcp", "udp", "sctp")
_OPEN, _BRIDGES = "open", "bridges"
_MOST_ELEMENTS = 1000
_LONGEST_COMMENT = 120  # NFTNL_UDATA_COMMENT_MAXLEN is 128
COPY_OF = "copy of "
"""How the comment of a copied rule begins; then comes where it is from."""
_KNOWN = frozenset(
    [
        "match",
        "counter",
        "limit",
        "log",
        "accept",
        "drop",
        "reject",
        "return",
        "jump",
        "goto",
        "vmap",
        "set",
        "continue",
        "comment",
    ]
)
_LEFT_OUT = ("counter", "log", "set", "comment", "continue")
_HARMLESS = frozenset(
    [
        "payload",
        "meta",
        "ct",
        "fib",
        "prefix",
        "range",
        "set",
        "elem",
        "concat",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "in",
        "key",
        "data",
        "addr",
        "len",
        "val",
        "timeout",
        "expires",
        "comment",
    ]
)


class Mirror(Record):
    """Commands that make the copy, and what could not be copied.

    Attributes:
        commands: for libnftables, as JSON objects.
        skipped: descriptions of rules that refuse something and are not in it.
        chains: how many of the host's chains there are.
    """

    commands: tuple[Json, ...]
    skipped: tuple[str, ...]
    chains: int


class Source(Record):
    """What a rule is a copy of: a rule of a chain (family, table, name), or its policy (0)."""

    chain: tuple[str, str, str]
    handle: int


def original_of(comment: str) -> Source | None:
    """What a rule with this comment is a copy of; None if it is none."""
    words = comment.removeprefix(COPY_OF).split()
    if not comment.startswith(COPY_OF) or len(words) != 5 or not words[4].isdecimal():
        return None
    family, table, chain, _, handle = words
    return Source((family, table, chain), int(handle))


class _CannotCopyError(Exception):
    """A rule has something that only the host's own table has."""


def mirror(
    ruleset: Mapping[str, Json],
    table: str,
    bridges: Iterable[str],
    ports: Iterable[tuple[str, int]],
    own: Iterable[str],
) -> Mirror:
    """The table that holds the host's rules against published ports.

    Args:
        ruleset: of the host, as `nft -j list ruleset` gives it.
        table: the name of ours; whatever it has is replaced.
        bridges: our devices.
        ports: protocol and port of the host, of those that are published without an address.
        own: our tables, which are no rules of the host's.
    """
    rules = _Rules(ruleset, frozenset((*own, table)))
    commands: list[Json] = [
        {"add": {"table": {"family": "inet", "name": table}}},
        {"delete": {"table": {"family": "inet", "name": table}}},
        {"add": {"table": {"family": "inet", "name": table}}},
        _set(table, _BRIDGES, "ifname", list(bridges)),
        *_open_ports(table, ports),
    ]
    skipped: list[str] = []
    for number, base in enumerate(rules.bases):
        commands += rules.copied(base, table, number, skipped)
    return Mirror(tuple(commands), tuple(skipped), len(rules.bases))


def _set(table: str, name: str, kind: Json, elements: list[Json]) -> Json:
    described: dict[str, Json] = {"family": "inet", "table": table, "name": name, "type": kind}
    if elements:
        described["elem"] = elements
    return {"add": {"set": described}}


def _open_ports(table: str, ports: Iterable[tuple[str, int]]) -> Iterator[Json]:
    """A set for each protocol: nftables 1.0 knows no concatenation with an original port."""
    ports = tuple(ports)
    for protocol in _PUBLISHED:
        listed: list[Json] = [port for kind, port in ports if kind == protocol]
        yield _set(table, f"{_OPEN}_{protocol}", "inet_service", listed)


def port_commands(verb: str, table: str, ports: Iterable[tuple[str, int]]) -> Iterator[str]:
    """The commands, in nft's language, by which ports begin or cease to be held to the rules."""
    ports = tuple(ports)
    for protocol in _PUBLISHED:
        listed = ", ".join(str(port) for kind, port in ports if kind == protocol)
        if listed:
            yield f"{verb} element inet {table} {_OPEN}_{protocol} {{ {listed} }}"


class _Rules:
    """The host's rules, by table."""

    def __init__(self, ruleset: Mapping[str, Json], own: frozenset[str]) -> None:
        objects = [entry for entry in ruleset.get("nftables", ()) if isinstance(entry, dict)]
        self._sets: dict[tuple[str, str, str], tuple[str, Json]] = {}
        self._rules: dict[tuple[str, str, str], list[Json]] = {}
        self.bases: list[Json] = []
        for entry in objects:
            for kind in ("set", "map"):
                if kind in entry:
                    found = entry[kind]
                    key = (found["family"], found["table"], found["name"])
                    self._sets[key] = (kind, found)
            if "rule" in entry:
                rule = entry["rule"]
                key = (rule["family"], rule["table"], rule["chain"])
                self._rules.setdefault(key, []).append(rule)
            chain = entry.get("chain", {})
            is_input = chain.get("hook") == "input" and chain.get("type") == "filter"
            if is_input and chain["family"] in _FAMILIES and chain["table"] not in own:
                self.bases.append(chain)
        self.bases.sort(key=lambda chain: chain.get("prio", 0))

    def copied(self, base: Json, table: str, number: int, skipped: list[str]) -> list[Json]:
        """The commands for one chain of the host's and everything that it leads to."""
        copy = _Copy(self, base["family"], base["table"], table, f"h{number}_", skipped)
        copy.chain(base["name"], policy=base.get("policy", "accept"))
        entry = f"input{number}"
        hook = {"type": "filter", "hook": "forward", "prio": 1 + number, "policy": "accept"}
        chain = {"family": "inet", "table": table, "name": entry, **hook}
        guards: list[list[Json]] = [
            [_match({"meta": {"key": "iifname"}}, f"@{_BRIDGES}"), {"accept": None}],
        ]
        family = {"ip": "ipv4", "ip6": "ipv6"}.get(base["family"])
        if family:
            guards.append([_match({"meta": {"key": "nfproto"}}, family, "!="), {"accept": None}])
        for protocol in _PUBLISHED:
            changed = _match({"ct": {"key": "status"}}, "dnat", "in")
            is_published = _match(_ORIGINAL_PORT, f"@{_OPEN}_{protocol}")
            jump = {"jump": {"target": copy.renamed(base["name"])}}
            of_protocol = _match({"meta": {"key": "l4proto"}}, protocol)
            guards.append([changed, of_protocol, is_published, jump])
        return [
            *copy.commands,
            {"add": {"chain": chain}},
            *(_rule(table, entry, expressions) for expressions in guards),
        ]

    def rules(self, family: str, table: str, chain: str) -> list[Json]:
        return self._rules.get((family, table, chain), [])

    def set(self, family: str, table: str, name: str) -> tuple[str, Json] | None:
        return self._sets.get((family, table, name))


_ORIGINAL_PORT = {"ct": {"key": "proto-dst", "dir": "original"}}


def _match(left: Json, right: Json, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def _rule(table: str, chain: str, expressions: list[Json], comment: str = "") -> Json:
    rule = {"family": "inet", "table": table, "chain": chain, "expr": expressions}
    if comment:
        rule["comment"] = comment[:_LONGEST_COMMENT]
    return {"add": {"rule": rule}}


class _Copy:
    """Copies chains of one of the host's tables, each once, those that are led to first."""

    def __init__(
        self, rules: _Rules, family: str, source: str, table: str, prefix: str, skipped: list[str]
    ) -> None:
        self._rules = rules
        self._family = family
        self._source = source
        self._table = table
        self._prefix = prefix
        self._skipped = skipped
        self._done: set[str] = set()
        self._sets: set[str] = set()
        self.commands: list[Json] = []

    def renamed(self, name: str) -> str:
        """The name of a chain's or a set's copy."""
        return f"{self._prefix}{name}"[:120]

    def chain(self, name: str, *, policy: str = "") -> None:
        """The chain is copied, with what it leads to; its policy is a rule at its end."""
        if name in self._done:
            return
        self._done.add(name)
        described = {"family": "inet", "table": self._table, "name": self.renamed(name)}
        self.commands.append({"add": {"chain": described}})
        where = f"{COPY_OF}{self._family} {self._source} {name}"
        copied = [
            (expressions, f"{where} handle {rule.get('handle', 0)}")
            for rule in self._rules.rules(self._family, self._source, name)
            for expressions in self._variants(rule)
        ]
        if policy == "drop":
            copied.append(([{"drop": None}], f"{where} handle 0"))
        self.commands += [_rule(self._table, self.renamed(name), *one) for one in copied]

    def _variants(self, rule: Json) -> list[list[Json]]:
        """What is left of a rule; nothing of one that decides nothing or cannot be copied.

        Several rules where it looks a port up together with something else, or in a map: nftables
        1.0 knows such keys only with ports of the packet itself.
        """
        found: list[list[Json]] = [[]]
        try:
            for expression in rule.get("expr", ()):
                choices = self._choices(expression)
                found = [[*before, *choice] for before in found for choice in choices]
        except _CannotCopyError:
            if any(verdict in one for one in rule["expr"] for verdict in ("drop", "reject")):
                self._skipped.append(f"{rule['family']} {rule['table']} {rule['chain']}")
            return []
        return [one for one in found if any(key in part for part in one for key in _VERDICTS)]

    def _choices(self, expression: Json) -> list[list[Json]]:
        """An expression, or what it is made of: one after the other is tried."""
        match expression:
            case {"vmap": {"key": key, "data": data}} if _has_port(key):
                elements = self._elements(data)
                return [
                    [*self._fields(key, value), *self._expression(verdict)]
                    for value, verdict in elements
                ]
            case {"match": {"left": {"concat": _} as key, "right": right, "op": op}} if _has_port(
                key
            ):
                if op == "!=":
                    raise _CannotCopyError
                return [self._fields(key, value) for value in self._elements(right)]
        return [list(self._expression(expression))]

    def _elements(self, data: Json) -> list[Json]:
        if isinstance(data, str):
            found = self._rules.set(self._family, self._source, data.removeprefix("@"))
            data = {"set": found[1].get("elem", []) if found else []}
        elements: list[Json] = data.get("set", [])
        if len(elements) > _MOST_ELEMENTS:
            raise _CannotCopyError
        return elements

    def _fields(self, key: Json, value: Json) -> list[Json]:
        """Conditions that each field of a key has its part of a value."""
        if isinstance(value, dict) and "elem" in value:
            value = value["elem"]["val"]
        keys, values = (
            one["concat"] if isinstance(one, dict) and "concat" in one else [one]
            for one in (key, value)
        )
        conditions = zip(keys, values, strict=True)
        return [
            part
            for left, right in conditions
            for part in self._matched({"op": "==", "left": left, "right": right})
        ]

    def _expression(self, expression: Json) -> Iterator[Json]:
        (kind, value), *_ = expression.items()
        if kind in _LEFT_OUT:
            return
        if kind not in _KNOWN:
            raise _CannotCopyError
        if kind == "match":
            yield from self._matched(value)
        elif kind in ("jump", "goto"):
            self.chain(value["target"])
            yield {kind: {"target": self.renamed(value["target"])}}
        elif kind == "reject":
            yield {"drop": None}  # an ICMP error would come from an address that nobody asked
        elif kind == "vmap":
            yield {"vmap": {"key": self._value(value["key"]), "data": self._value(value["data"])}}
        else:
            yield {kind: value}

    def _matched(self, match: Json) -> Iterator[Json]:
        left, right = match["left"], match["right"]
        if "fib" in left:  # the original destination was the host's own
            if right != "local" or match["op"] not in ("==", "in"):
                raise _CannotCopyError
            return
        protocol = left.get("payload", {}).get("protocol") if isinstance(left, dict) else None
        if protocol in _PORTS and protocol != "th":
            yield _match({"meta": {"key": "l4proto"}}, protocol)
        yield {"match": {**match, "left": self._value(left), "right": self._value(right)}}

    def _value(self, value: Json) -> Json:
        """A value with the original destination for the present one, and copies for names."""
        match value:
            case {"payload": {"protocol": str(protocol), "field": str(field)}}:
                return _original(protocol, field) or value
            case {"jump": {"target": str(target)}} | {"goto": {"target": str(target)}}:
                self.chain(target)
                return {next(iter(value)): {"target": self.renamed(target)}}
            case dict():
                if not _HARMLESS.issuperset(value) and not _VERDICTS.issuperset(value):
                    raise _CannotCopyError
                return {
                    key: inner if key in ("meta", "ct") else self._value(inner)
                    for key, inner in value.items()
                }
            case list():
                return [self._value(item) for item in value]
            case str() if value.startswith("@"):
                return f"@{self._set(value[1:])}"
        return value

    def _set(self, name: str) -> str:
        """The name of the copy of a set or map, which is made."""
        if name not in self._sets:
            found = self._rules.set(self._family, self._source, name)
            if found is None:
                raise _CannotCopyError
            self._sets.add(name)
            kind, described = found
            wanted = ("type", "map", "flags", "elem", "auto-merge")
            kept = {key: described[key] for key in wanted if key in described}
            if "elem" in kept:
                kept["elem"] = self._value(kept["elem"])
            kept |= {"family": "inet", "table": self._table, "name": self.renamed(name)}
            self.commands.append({"add": {kind: kept}})
        return self.renamed(name)


_VERDICTS = frozenset(("accept", "drop", "reject", "return", "jump", "goto", "vmap"))


def _has_port(key: Json) -> bool:
    """Whether the destination's port is a part of a key."""
    parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
    found = (part.get("payload", {}) for part in parts if isinstance(part, dict))
    return any(one.get("field") == "dport" and one.get("protocol") in _PORTS for one in found)


def _original(protocol: str, field: str) -> Json | None:
    """What a packet's destination was, for what it is."""
    if field == "dport" and protocol in _PORTS:
        return _ORIGINAL_PORT
    if field == "daddr" and protocol in ("ip", "ip6"):
        return {"ct": {"key": f"{protocol} daddr", "dir": "original"}}
    return None
