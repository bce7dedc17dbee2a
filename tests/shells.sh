#!/usr/bin/env bash
# Completion in the real shells, which are installed where they are missing.
#
#   tests/shells.sh PROGRAM     PROGRAM: a built flespi-gitops
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/.."
command -v zsh >/dev/null && command -v fish >/dev/null || {
    apt-get update -qq && apt-get install -y -qq zsh fish >/dev/null
}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cp -r examples/fleet "$temp/fleet"
mkdir "$temp/bin"
ln -s "$program" "$temp/bin/flespi-gitops"
export PATH="$temp/bin:$PATH" XDG_STATE_HOME="$temp/state" XDG_CONFIG_HOME="$temp" HOME="$temp"
cd "$temp"
for shell in bash zsh fish; do flespi-gitops completions $shell >"script.$shell"; done
mkdir functions
cp script.zsh functions/_flespi-gitops

in_fish() { fish --no-config -c "source script.fish; complete -C \"flespi-gitops $1\""; }

in_bash() {
    bash --noprofile --norc -c '
        source script.bash
        read -ra COMP_WORDS <<<"flespi-gitops $1"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _clap_complete_flespi_gitops flespi-gitops "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

# A person at a prompt, in a terminal of its own: what is typed, and a tabulator. The script is loaded as most people have it
# loaded, from a folder of functions.
cat >session.zsh <<'END'
zmodload zsh/zpty
zpty shell zsh -i
zpty -r -m shell out '*READY*'
sleep 0.5
zpty -n -w shell "$1"$'\t'
text=
for try in {1..40}; do
    sleep 0.1
    while zpty -r -t shell out; do text+=$out; done
done
print -r -- "$text"
END
cat >.zshrc <<END
fpath=($temp/functions \$fpath)
autoload -U compinit
compinit -u -d $temp/dump
LISTMAX=10000
setopt auto_list no_list_ambiguous no_auto_menu
PS1="READY "
END
in_zsh() { ZDOTDIR="$temp" TERM=dumb COLUMNS=80 zsh -f session.zsh "flespi-gitops $1"; }

failures=0
while IFS='|' read -r typed wanted; do
    for shell in bash zsh fish; do
        offered=$(in_$shell "$typed" 2>&1)
        if grep -q -e "$wanted" <<<"$offered"; then
            echo "$shell: $typed -> $wanted"
        else
            echo "$shell: $typed: no $wanted in: $offered"
            failures=$((failures + 1))
        fi
    done
done <<'END'
wat|watch
plan --det|--detailed-exitcode
plan --format |markdown
explain token/emea/acme/a|token/emea/acme/admin
rotate token/|token/backend
pause --scope subaccount/|subaccount/emea
validate --explain token-w|token-without-end
plan --deny |warnings
undo |last
plan fl|eet
END
((failures == 0))
