# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of converse(1) for bash.

_converse() {
	local words="--server --id --key --peer --store --nick --by-key --password --join --history --send --tail --count
		--timeout --quiet --help --version"
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--store)
		mapfile -t COMPREPLY < <(compgen -A directory -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--key | -k | --password)
		mapfile -t COMPREPLY < <(compgen -A file -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--server | -s)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--id | --peer | --nick | --join | --history | --send | --tail | --count | --timeout | -[injw]) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _converse converse
