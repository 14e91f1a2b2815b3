# SPDX-License-Identifier: MIT
# Completion of handrail's commands and options for bash, and for zsh behind its compinit.  What there
# is, the program itself says.
#
#     . /opt/handrail/share/bash-completion/completions/handrail

# The commands below "$@", a program and perhaps a command of it.
_handrail_commands() {
    "$@" --help 2>/dev/null | sed -n "s/^  handrail ${2:+$2 }\([a-z][a-z-]*\) .*/\1/p"
}

# The options that the help of "$@" has; those that take a value end in "=".
_handrail_said() {
    "$@" --help 2>/dev/null | sed 's/^  --/[--/; s/, --/[--/g; s/ | --/[--/g' |
        grep -oE '\[--[a-z][a-z-]*=?' | tr -d '['
}

# All options of program $1, command $2 and perhaps $3.
_handrail_options() {
    local run
    _handrail_said "$@"
    # The nine that the sidecar and the toolhosts have too.
    run=$(_handrail_said "$1" run)
    case $2 in
    config) echo "$run" ;&
    run) sed -n '/^--restart=/,/^--stop-timeout=/s/--/--sidecar-/p' <<<"$run" ;&
    mcp) sed -n '/^--restart=/,/^--stop-timeout=/s/--/--toolhost-/p' <<<"$run" ;;
    esac
}

_handrail() {
    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} command=()
    local words
    local -x LC_ALL=C # elsewhere [a-z] may lack a letter
    COMPREPLY=()
    # The commands before the word: one, or two where the first is a family of them.
    case ${COMP_WORDS[1]} in
    plugin) command=("${COMP_WORDS[@]:1:$((COMP_CWORD > 2 ? 2 : 1))}") ;;
    -*) command=(run) ;;
    *) command=("${COMP_WORDS[1]}") ;;
    esac
    if [[ $COMP_CWORD == 1 && $word != -* ]]; then
        words=$(_handrail_commands "$program")
    elif [[ $COMP_CWORD == 1 ]]; then
        words="$(_handrail_options "$program" run) --help --version"
    elif [[ $word == -* ]]; then
        words=$(_handrail_options "$program" "${command[@]}")
    elif [[ $COMP_CWORD == 2 && ${COMP_WORDS[1]} == plugin ]]; then
        words=$(_handrail_commands "$program" plugin)
    elif [[ $COMP_CWORD == 2 && ${COMP_WORDS[1]} == help ]]; then
        words="$(_handrail_commands "$program") $("$program" help 2>/dev/null | sed -n 's/^more: .*, or //p')"
    elif [[ $COMP_CWORD == 2 && ${COMP_WORDS[1]} == status ]]; then
        words=plugins
    elif [[ $COMP_CWORD == 2 && ${COMP_WORDS[1]} == probe ]]; then
        words='live ready startup warm'
    elif [[ ${COMP_WORDS[1]} == explain ]]; then
        words=$("$program" explain 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
    else
        return # the shell's own: files
    fi
    for word in $(compgen -W "$words" -- "$word"); do
        [[ $_handrail_zsh && $word != *= ]] && word+=' ' # there a word ends where it says so
        COMPREPLY+=("$word")
    done
    [[ ! $_handrail_zsh && ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

_handrail_zsh=${ZSH_VERSION-}
if [[ $_handrail_zsh ]]; then
    autoload -U +X bashcompinit && bashcompinit
    complete -o nospace -o default -F _handrail handrail
else
    complete -o default -F _handrail handrail
fi
