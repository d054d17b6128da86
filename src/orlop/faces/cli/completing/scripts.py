"""Completion scripts of shells. What can be completed is asked of `orlop __complete`."""

from __future__ import annotations

BASH = r"""# bash completion of orlop: orlop completion bash > /etc/bash_completion.d/orlop
_orlop() {
    local line directive candidates
    COMPREPLY=()
    candidates=$(orlop __complete --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null) || return 0
    directive=${candidates##*$'\n'}
    while IFS= read -r line; do
        case $line in
            :files | :none | '') ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done <<<"$candidates"
    case ${COMPREPLY[0]-} in
        *[=:]) [[ ${#COMPREPLY[@]} -eq 1 ]] && compopt -o nospace 2>/dev/null ;;
    esac
    if [[ $directive == :files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -f -- "$2")
    fi
    return 0
}
complete -F _orlop orlop
"""

ZSH = r"""#compdef orlop
# zsh completion of orlop: orlop completion zsh > "${fpath[1]}/_orlop"
_orlop() {
    local line text about directive
    local -a texts shown open_texts open_shown
    for line in "${(@f)$(orlop __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            (:files|:none) directive=$line ;;
            ('') ;;
            (*)
                text=${line%%$'\t'*}
                about=${line#*$'\t'}
                [[ $about == $line ]] && about=
                if [[ $text == *[=:] ]]; then
                    open_texts+=("$text")
                    open_shown+=("$text${about:+  -- $about}")
                else
                    texts+=("$text")
                    shown+=("$text${about:+  -- $about}")
                fi
                ;;
        esac
    done
    (( ${#texts} )) && compadd -l -d shown -- "${texts[@]}"
    (( ${#open_texts} )) && compadd -S '' -l -d open_shown -- "${open_texts[@]}"
    [[ $directive == :files ]] && _files
    return 0
}
if [[ $funcstack[1] == _orlop ]]; then
    _orlop "$@"
else
    compdef _orlop orlop
fi
"""

FISH = r"""# fish completion of orlop: orlop completion fish > ~/.config/fish/completions/orlop.fish
function __orlop_complete
    set -l before (commandline -opc)
    set -l last (commandline -ct)
    for line in (orlop __complete $before[2..-1] "$last" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$last"
            case :none ''
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c orlop -f -a '(__orlop_complete)'
"""

SCRIPTS = {"bash": BASH, "fish": FISH, "zsh": ZSH}
