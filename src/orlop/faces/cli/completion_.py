"""orlop completion: the completion script of a shell."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.faces.cli.completing.scripts import SCRIPTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "bash|fish|zsh"
WORDS = (1, 1)
OPTIONS = ()
EXAMPLE = """\
orlop completion bash > /etc/bash_completion.d/orlop
orlop completion zsh > "${fpath[1]}/_orlop"
orlop completion fish > ~/.config/fish/completions/orlop.fish
source <(orlop completion bash)   # for this shell only"""


def run(values: Values, screen: Screen) -> int:
    """Writes the script."""
    script = SCRIPTS.get(values.words[0])
    if script is None:
        known = ", ".join(SCRIPTS)
        raise InvalidArgument(
            f"there is no completion for {values.words[0]!r}", hint=f"for {known}"
        )
    screen.write(script)
    return 0
