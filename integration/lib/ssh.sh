# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# sshd on side b, with keys and settings of its own: no file of the machine's configuration is used.
# Clients use "ssh -F $TMP/ssh/config server". For tests that source this file.

SSH_PORT=2222

write_ssh_config() {
	mkdir -p "$TMP/ssh"
	ssh-keygen -q -t ed25519 -N "" -f "$TMP/ssh/host_key"
	ssh-keygen -q -t ed25519 -N "" -f "$TMP/ssh/user_key"
	cp "$TMP/ssh/user_key.pub" "$TMP/ssh/authorized_keys"
	echo "server $(cat "$TMP/ssh/host_key.pub")" >"$TMP/ssh/known_hosts"
	cat >"$TMP/ssh/sshd_config" <<-EOF
		Port $SSH_PORT
		ListenAddress $B4
		ListenAddress $B6
		HostKey $TMP/ssh/host_key
		AuthorizedKeysFile $TMP/ssh/authorized_keys
		PidFile $TMP/ssh/sshd.pid
		StrictModes no
		UsePAM no
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		Subsystem sftp internal-sftp
	EOF
	cat >"$TMP/ssh/config" <<-EOF
		Host server
		HostName $B4
		Port $SSH_PORT
		User root
		IdentityFile $TMP/ssh/user_key
		IdentitiesOnly yes
		UserKnownHostsFile $TMP/ssh/known_hosts
		HostKeyAlias server
		StrictHostKeyChecking yes
		BatchMode yes
		ConnectTimeout 80
	EOF
}

start_sshd() {
	[ -e "$TMP/ssh/config" ] || write_ssh_config
	# This path is compiled into sshd.
	mkdir -p /run/sshd
	launch sshd b "$(command -v sshd)" -D -e -f "$TMP/ssh/sshd_config"
	wait_listening b "$SSH_PORT"
}

stop_sshd() {
	stop sshd
	wait_not_listening b "$SSH_PORT"
}
