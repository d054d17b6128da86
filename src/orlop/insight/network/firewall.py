"""Firewall rules: those of nftables (and of iptables on top of it), and those of older iptables."""

from __future__ import annotations

from orlop.insight.network.tools import ask, run
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

NFTABLES, IPTABLES = "nftables", "iptables"
_SAVERS = {"ip": "iptables-legacy-save", "ip6": "ip6tables-legacy-save"}


class Chain(Record):
    """A list of rules that packets pass.

    Attributes:
        backend: NFTABLES or IPTABLES.
        family: "ip", "ip6", "inet", "bridge", ...
        table: the name of its table.
        name: its own.
        hook: where in the kernel packets come from ("input"), "" if other chains jump to it.
        policy: what becomes of packets that no rule decides about, "" without a hook.
        rules: in the words of nft(8), without counters, or of iptables(8): text from whoever has
            made them, which may be a container.
    """

    backend: str
    family: str
    table: str
    name: str
    hook: str = ""
    policy: str = ""
    rules: tuple[str, ...] = ()


def nftables_chains() -> tuple[Chain, ...]:
    """The chains of nftables in the present network namespace.

    Raises:
        Unsupported, Unavailable: nft(8) is missing, or has failed.
    """
    document = ask("nft", "--json", "list", "ruleset")
    return parse_nftables(document or {}, run("nft", "--handle", "--stateless", "list", "ruleset"))


def parse_nftables(document: Mapping[str, Any], text: str) -> tuple[Chain, ...]:
    """The chains in what `nft --json list ruleset` prints, and their rules in nft's own language.

    Args:
        document: for the structure.
        text: the same ruleset, printed with handles. A rule that is not in it (it was added in
            between) is shown by its JSON.
    """
    words = rule_texts(text)
    chains: dict[tuple[str, str, str], Chain] = {}
    for entry in document.get("nftables", ()):
        for kind, it in entry.items():
            if kind == "chain":
                key = (it["family"], it["table"], it["name"])
                hook, policy = it.get("hook", ""), it.get("policy", "")
                chains[key] = Chain(NFTABLES, *key, hook=hook, policy=policy)
            if kind == "rule":
                key = (it["family"], it["table"], it["chain"])
                rule = words.get((it["family"], it["table"], it["handle"]), str(it.get("expr")))
                chains[key] = chains[key].replace(rules=(*chains[key].rules, rule))
    return tuple(chains.values())


def rule_texts(text: str) -> dict[tuple[str, str, int], str]:
    """The line of each handle (that of a rule or a chain), by family and table.

    Args:
        text: a ruleset in nft's language, printed with handles.
    """
    found = {}
    family = table = ""
    for line in text.splitlines():
        # The last one is nft's own: what a comment says comes before it, in quotes.
        before, mark, handle = line.strip().rpartition(" # handle ")
        if not mark or not handle.isdecimal():
            continue
        if line.startswith("table "):
            _, family, table, *_ = before.split()
        else:
            found[family, table, int(handle)] = before
    return found


def iptables_chains(families: Iterable[str]) -> tuple[Chain, ...]:
    """The chains of older iptables in the present network namespace.

    Args:
        families: "ip" and "ip6", as far as there are tables at all: asking would make some.

    Raises:
        As `nftables_chains`.
    """
    found: list[Chain] = []
    for family in families:
        found += parse_iptables(family, run(_SAVERS[family]))
    return tuple(found)


def parse_iptables(family: str, text: str) -> tuple[Chain, ...]:
    """The chains in what iptables-save(8) prints."""
    chains: dict[tuple[str, str], Chain] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            name, policy, *_ = line[1:].split()
            base = policy != "-"
            chains[table, name] = Chain(
                IPTABLES,
                family,
                table,
                name,
                hook=name.lower() if base else "",
                policy=policy.lower() if base else "",
            )
        elif line.startswith("-A "):
            _, name, *_ = line.split()
            chain = chains[table, name]
            chains[table, name] = chain.replace(rules=(*chain.rules, line))
    return tuple(chains.values())


def concerning(
    chains: Iterable[Chain], names: Collection[str], addresses: Collection[str]
) -> tuple[Chain, ...]:
    """The chains with only those rules that name one of these interfaces or addresses.

    A network counts if an address is in it, unless it is all of them.

    Args:
        chains: which to look through.
        names: of interfaces.
        addresses: without prefix lengths.
    """
    found = (
        chain.replace(rules=tuple(rule for rule in chain.rules if _names(rule, names, addresses)))
        for chain in chains
    )
    return tuple(chain for chain in found if chain.rules)


_SEPARATORS = str.maketrans(dict.fromkeys('"{},=!', " "))


def _names(rule: str, names: Collection[str], addresses: Collection[str]) -> bool:
    words = rule.translate(_SEPARATORS).split()
    return any(word in names or _covers(word, addresses) for word in words)


def _covers(word: str, addresses: Collection[str]) -> bool:
    """Whether a word is one of the addresses, with a port perhaps, or a network that has one."""
    import ipaddress

    bare = word.partition(":")[0] if "." in word else word.lstrip("[").partition("]")[0]
    if not ("." in bare or ":" in bare):
        return False
    try:
        network = ipaddress.ip_network(bare, strict=False)
        return network.prefixlen > 0 and any(
            ipaddress.ip_address(address) in network for address in addresses
        )
    except ValueError:
        return False
