# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of rudp(1) for bash. Works with and without the bash-completion package.

_rudp_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_rudp_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

# What an option wants behind it. 1: nothing, or not in this place.
_rudp_value() {
	case $1 in
	--key | --policy | --check | -k) _rudp_files ;;
	-p) [ "$2" = run ] && _rudp_files ;;
	-c) case $2 in
		run) _rudp_words "bbr cubic" ;;
		keygen) _rudp_files ;;
		ping) ;;
		*) return 1 ;;
		esac ;;
	--engine | -e) _rudp_words "process thread" ;;
	--cc) _rudp_words "bbr cubic" ;;
	--log | -l) [ "$2" = run ] && _rudp_words "error warn info debug" ;;
	--not-before | --not-after) _rudp_words "$(date -u +%Y-%m-%dT00:00:00Z)" ;;
	--count | --interval | --timeout | --udp-port | -i | -W | -u) [ "$2" = ping ] ;;
	*) return 1 ;;
	esac
}

# The index of the program behind `rudp run [OPTION...]`, if the cursor is at it or past it.
_rudp_program_at() {
	local i
	for ((i = 2; i <= COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			i=$((i + 1))
			break
			;;
		--key | --policy | --engine | --cc | --log | -[kpecl])
			i=$((i + 1))
			# bash makes a word of its own of "=".
			[ "${COMP_WORDS[i]}" != = ] || i=$((i + 1))
			;;
		-*) ;;
		*) break ;;
		esac
	done
	[ "$i" -le "$COMP_CWORD" ] && echo "$i"
}

_rudp_run() {
	local at
	at=$(_rudp_program_at)
	if [ -n "$at" ] && [[ ${COMP_WORDS[COMP_CWORD]} != -* || $at -lt $COMP_CWORD ]]; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		elif [ "$at" = "$COMP_CWORD" ]; then
			mapfile -t COMPREPLY < <(compgen -c -f -- "${COMP_WORDS[COMP_CWORD]}")
		else
			_rudp_files
		fi
		return
	fi
	_rudp_words "--key --policy --engine --cc --log --strict --help --version"
}

_rudp_ss() {
	if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
		_rudp_words "--all --listening --processes --numeric --no-header --summary --failed --json --tcp --info --help"
		return
	fi
	if [ "${COMP_WORDS[COMP_CWORD - 1]}" = state ] || [ "${COMP_WORDS[COMP_CWORD - 1]}" = exclude ]; then
		_rudp_words "established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait close-wait last-ack closing closed listening all connected synchronized"
		return
	fi
	_rudp_words "state exclude src dst sport dport transport program pid and or not"
}

_rudp_key() {
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	revoke | new | show) _rudp_files ;;
	forget | enroll) mapfile -t COMPREPLY < <(compgen -A hostname -- "${COMP_WORDS[COMP_CWORD]}") ;;
	*)
		if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
			_rudp_words "--json --port --help"
		else
			_rudp_words "list revoke new show hosts forget enroll ask check"
		fi
		;;
	esac
}

_rudp() {
	local command=${COMP_WORDS[1]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_rudp_words "run ss keygen key forget ping doctor help --help --version"
		return
	fi
	[ "$previous" != = ] || previous=${COMP_WORDS[COMP_CWORD - 2]}
	if [ "${COMP_WORDS[COMP_CWORD]}" = = ]; then
		return
	fi
	_rudp_value "$previous" "$command" && return
	case $command in
	run) _rudp_run ;;
	ss) _rudp_ss ;;
	keygen)
		if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
			_rudp_words "--check --not-before --not-after --help"
		else
			_rudp_files
		fi
		;;
	key) _rudp_key ;;
	forget)
		if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
			_rudp_words "--help"
		else
			mapfile -t COMPREPLY < <(compgen -A hostname -- "${COMP_WORDS[COMP_CWORD]}")
		fi
		;;
	ping)
		if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
			_rudp_words "--count --interval --timeout --key --udp-port --json --help"
		else
			mapfile -t COMPREPLY < <(compgen -A hostname -- "${COMP_WORDS[COMP_CWORD]}")
		fi
		;;
	doctor) _rudp_words "--json --help" ;;
	help) _rudp_words "run ss keygen key forget ping doctor" ;;
	esac
}

complete -F _rudp rudp
