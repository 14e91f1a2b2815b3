# SPDX-License-Identifier: MIT
# Completion of handrail's commands and options for fish.  What there is, the program itself says.
#
#     source /opt/handrail/share/fish/vendor_completions.d/handrail.fish

# The commands below the arguments, a program and perhaps a command of it.
function __handrail_commands
    $argv --help 2>/dev/null | string match -rg "^  handrail $argv[2..] *([a-z][a-z-]*) "
end

# The options that the help of the arguments has; those that take a value end in "=".
function __handrail_said
    $argv --help 2>/dev/null | string match -arg '(?:^  |, | \| |\[)(--[a-z][a-z-]*=?)'
end

# All options of a program, its command and perhaps one more.
function __handrail_options
    __handrail_said $argv
    set -l run (__handrail_said $argv[1] run)
    # The nine that the sidecar and the toolhosts have too.
    set -l nine $run[(contains -i -- --restart= $run)..(contains -i -- --stop-timeout= $run)]
    switch $argv[2]
        case config run
            test $argv[2] = config; and printf '%s\n' $run
            string replace -- -- --sidecar- $nine
            string replace -- -- --toolhost- $nine
        case mcp
            string replace -- -- --toolhost- $nine
    end
end

function __handrail
    set -l words (commandline -opc)
    set -l before $words[2..]
    set -l first "$before[1]"
    set -l program $words[1]
    if string match -q -- '-*' (commandline -ct)
        switch $first
            case ''
                __handrail_options $program run
                printf '%s\n' --help --version
            case plugin
                __handrail_options $program $before[1..2]
            case '-*'
                __handrail_options $program run
            case '*'
                __handrail_options $program $first
        end
    else if test -z "$first"
        __handrail_commands $program
    else if test $first = explain
        $program explain 2>/dev/null | string match -rg '^  ([a-z][a-z-]*) '
    else if test (count $before) = 1
        switch $first
            case plugin
                __handrail_commands $program plugin
            case help
                __handrail_commands $program
                $program help 2>/dev/null | string replace -rf '^more: .*, or ' '' | string split ' '
            case status
                echo plugins
            case probe
                printf '%s\n' live ready startup warm
        end
    end
end

complete -c handrail -a '(__handrail)'
