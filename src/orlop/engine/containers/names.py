"""Names of containers: which are allowed, and made-up ones."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Container as Those

_FIRST = frozenset(string.ascii_letters + string.digits)
_FURTHER = _FIRST | frozenset("_.-")

# Two lists of our own, as Docker has them: a mood, and somebody who has sailed, built or charted.
_MOODS = """
    able ample awake balmy blithe bold brave breezy bright brisk calm candid careful cheerful clear
    clever content cosy curious daring deft dry eager earnest easy fair faithful fearless fine firm
    fleet fond frank free fresh gallant gentle glad golden graceful grateful handy hardy hearty
    honest hopeful humble jaunty jolly keen kind level lively loyal lucid lucky mellow merry mighty
    mild modest neat nimble noble open patient placid plucky polite prompt proud prudent quick quiet
    ready robust rosy salty seaworthy serene shipshape silent sincere snug sober spry staunch steady
    sturdy subtle sunny swift tidy trim true trusty upright vivid wakeful warm watchful wise witty
"""
_SAILORS = """
    amundsen anning banks baret barents beaufort behaim bering bligh bougainville brendan byrd
    cabot cabral cartier chichester cook cousteau crowhurst dampier darwin davis diaz drake earhart
    elcano erikson fitzroy flinders franklin frobisher fulton gama gudrid halley harrison hawkins
    heyerdahl hipparchus hooke hudson humboldt ibnmajid joshua juan knox laperouse lovelace
    magellan malaspina maury mercator moitessier nansen nelson nightingale ortelius park parry
    peary piccard polo ptolemy pytheas quiros raleigh ross scott shackleton sindbad slocum
    sverdrup tasman tereshkova tupaia vancouver verrazzano vespucci weddell wegener wilkes zheng
"""
MOODS = tuple(_MOODS.split())
SAILORS = tuple(_SAILORS.split())
_TRIES = 10


def check_name(name: str) -> str:
    """The name without the slash that some clients write, if it is one.

    Raises:
        InvalidArgument: it is not.
    """
    bare = name.removeprefix("/")
    if len(bare) < 2 or bare[0] not in _FIRST or not _FURTHER.issuperset(bare):
        raise InvalidArgument(
            f"{name!r} is no name for a container: two or more letters, digits and _.- make one, "
            "the first a letter or digit"
        )
    return bare


def random_name(taken: Those[str]) -> str:
    """A name as `brave_nansen` that is not taken."""
    for attempt in range(1000):
        name = f"{random.choice(MOODS)}_{random.choice(SAILORS)}"  # noqa: S311 - no secret
        if attempt >= _TRIES:
            name += str(random.randrange(10 * attempt))  # noqa: S311
        if name not in taken:
            return name
    raise InvalidArgument("all names are taken", hint="--name gives one")
