/* SPDX-License-Identifier: MIT */
/*
 * log_peer - tells an inetd-style server, and the program that it starts, who is at the other end.
 *
 *	cc -o log_peer log_peer.c $(pkg-config --cflags --libs rudp)
 *	rudp run socat TCP-LISTEN:7000,fork EXEC:'./log_peer cat',nofork
 *	rudp run systemd-socket-activate -E XDG_RUNTIME_DIR -l 7000 --accept --inetd ./log_peer cat
 *	server = /usr/local/bin/log_peer, server_args = cat	(xinetd.conf)
 *
 * It is started for each connection, with the connection as standard input, and executes PROGRAM in
 * its place, as tcpd does. PROGRAM finds the peer in the environment: PEER_NAME (as the files of
 * rudp_keys(5) call it, or empty) and PEER_KEY (as they have it). Neither is set if the peer has
 * proven no identity. Only the user whose engine it is may ask. If PROGRAM has to run as another
 * user, the server starts log_peer as its own user, and PROGRAM is for example: setpriv --reuid
 * www-data --clear-groups cat
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rudp/rudp.h>

#define KEY_TEXT_SIZE 45

/* Base64 of the 32 bytes, as the files have it. */
static void key_text(const struct rudp_peer_identity *peer, char text[KEY_TEXT_SIZE])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				     "nopqrstuvwxyz0123456789+/";
	uint8_t bytes[33] = {0};
	size_t out = 0;

	memcpy(bytes, peer->public_key, sizeof peer->public_key);
	for (size_t i = 0; i < sizeof bytes; i += 3) {
		unsigned three = (unsigned)(bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2]);

		for (int shift = 18; shift >= 0; shift -= 6)
			text[out++] = digits[three >> shift & 63];
	}
	text[KEY_TEXT_SIZE - 2] = '=';
	text[KEY_TEXT_SIZE - 1] = 0;
}

/* Never leaves values in the environment that somebody else has set. */
static int tell(const struct rudp_peer_identity *peer)
{
	char key[KEY_TEXT_SIZE];

	if (!peer)
		return unsetenv("PEER_NAME") < 0 || unsetenv("PEER_KEY") < 0 ? -1 : 0;
	key_text(peer, key);
	fprintf(stderr, "log_peer: %s, key %s\n", peer->name[0] ? peer->name : "somebody unknown",
		key);
	return setenv("PEER_NAME", peer->name, 1) < 0 || setenv("PEER_KEY", key, 1) < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct rudp_peer_identity peer;
	int rc = rudp_peer_identity(STDIN_FILENO, &peer, sizeof peer), error = errno;

	if (argc < 2) {
		fprintf(stderr, "usage: log_peer PROGRAM [ARGUMENT]...\n");
		return 2;
	}
	if (rc < 0 && error == ENODATA)
		fprintf(stderr, "log_peer: the peer has proven no identity\n");
	else if (rc < 0)
		fprintf(stderr, "log_peer: standard input: %s\n", strerror(error));
	if (tell(rc < 0 ? NULL : &peer) < 0) {
		perror("log_peer");
		return 1;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "log_peer: %s: %s\n", argv[1], strerror(errno));
	return 127;
}
