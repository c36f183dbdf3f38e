# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Persons with identities, known hosts and authorized keys of their own (rudp_keys(5)).

# Each person is a directory with an identity of its own, and perhaps with other files.
person() {
	mkdir -m 700 "$TMP/$1" 2>/dev/null || [ -d "$TMP/$1" ]
	RUDP_IDENTITY='' HOME=$TMP/$1 XDG_CONFIG_HOME=$TMP/$1 "$BUILD/rudp" key new >"$TMP/$1.new"
}

# "rudp-x25519 BASE64" of a person.
public_key() {
	cut -d' ' -f1,2 "$TMP/$1/rudp/id.pub"
}

# The settings of a person: the default places of the files, no pre-shared key, and an engine log.
# shellcheck disable=SC2034 # used in lib/programs.sh
is_person() {
	SETTINGS=(RUDP_KEY_FILE= "XDG_CONFIG_HOME=$TMP/$1" "RUDP_POLICY=${2:-}" "RUDP_LOG=info:$TMP/$1.log")
}

# put PERSON FILE: standard input becomes the file, whole at once.
put() {
	(umask 077 && cat >"$TMP/$1/rudp/.next" && mv "$TMP/$1/rudp/.next" "$TMP/$1/rudp/$2")
}
