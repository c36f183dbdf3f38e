#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The completions of the shells know each option that the programs' --help prints, and no other. (rudp has commands: only
# that fish offers no option that a command does not have. test_command.sh checks its completion in bash.)

# shellcheck disable=SC2034 # lib.sh asks
LOOPBACK=1 TCP_MEANT=1
# shellcheck source=integration/lib.sh
. "$(dirname "$0")/lib.sh"

FILES=$HERE/../tools/completion

# long_options TEXT...: the long options in it, sorted; --usage is what argp adds.
long_options() {
	grep -oE -- '(^|[^a-zA-Z0-9-])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u | grep -vx -- --usage
}

# The lines of a summary that list options, without what they say.
options_of_help() {
	"$BUILD/$1" --help | grep -E '^ +(-[a-zA-Z?], +)?--' | sed -E 's/^ +//; s/(--[a-z-]+).*/\1/' | long_options
}

for program in apollonion converse rudpmsg; do
	section "$program"
	expected=$(options_of_help "$program")
	expect_match <(echo "$expected") '^--help$' "the options of $program"
	expect_eq "$(bash -c '. "$1"; COMP_WORDS=("$2" --); COMP_CWORD=1
		"_$2"; printf "%s\n" "${COMPREPLY[@]}" | sort' bash "$FILES/$program.bash" "$program")" \
		"$expected" "the options in bash"
	expect_eq "$(long_options <"$FILES/_$program")" "$expected" "the options in zsh"
	expect_eq "$(sed -nE 's/^complete .* -l ([a-z-]+).*/--\1/p' "$FILES/$program.fish" | sort -u)" \
		"$expected" "the options in fish"
	if command -v zsh >/dev/null; then
		zsh -n "$FILES/_$program" || fail "zsh cannot read _$program"
	fi
	if command -v fish >/dev/null; then
		fish -n "$FILES/$program.fish" || fail "fish cannot read $program.fish"
	fi
	ok "bash, zsh and fish complete its options"
done

section rudp
while read -r command option; do
	expect_match <("$BUILD/rudp" "$command" --help) "[ ]--$option([^a-z-]|$)" "rudp $command --$option"
done < <(sed -nE "s/.*seen_subcommand_from (\w+)' .*-l ([a-z-]+).*/\1 \2/p" "$FILES/rudp.fish")
if command -v fish >/dev/null; then
	fish -n "$FILES/rudp.fish" || fail "fish cannot read rudp.fish"
fi
ok "fish completes options that there are"
