# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of rudpmsg(1) for bash.

_rudpmsg() {
	local words="send receive pipe bench --id --to --peer --listen --ack --store --count --size
		--timeout --framed --tcp --quiet --help --version"
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--ack | -a) words="received handled stored" ;;
	--store)
		mapfile -t COMPREPLY < <(compgen -A directory -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--to | -t)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--id | --peer | --listen | --count | --size | --timeout | -[iplnw]) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _rudpmsg rudpmsg
