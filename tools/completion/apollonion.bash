# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of apollonion(8) for bash.

_apollonion() {
	local words="doctor --config --check-config --hash-password --add-account --set-password --remove-account --export
		--import --help --version"
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--config | --export | --import | -c)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -A file -- "${COMP_WORDS[COMP_CWORD]}")
		return
		;;
	--add-account | --set-password | --remove-account) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _apollonion apollonion
