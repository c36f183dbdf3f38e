/* SPDX-License-Identifier: MIT */
/*
 * getpeername on a connection that the peer has reset: there is no peer, whatever was shut down
 * before.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

static void say_peer(const char *what, int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	say_result(what, getpeername(fd, (struct sockaddr *)&addr, &len));
}

#define NO_SHUTDOWN (-1)

/* how: what the observer has shut down before the reset. */
static void reset_after(int how, bool has_bytes, bool by_linger)
{
	const struct linger at_once = {.l_onoff = 1};
	int client, server, error;
	socklen_t len = sizeof error;

	connected_pair(AF_INET, &client, &server);
	put(client, "unread");
	wait_unread(server, 6);
	if (has_bytes) {
		put(server, "answer");
		wait_unread(client, 6);
	}
	if (how != NO_SHUTDOWN)
		say_result("shutdown", shutdown(client, how));
	if (by_linger)
		must(setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
		     "SO_LINGER");
	close(server);
	wait_for(client, POLLERR);
	say_peer("pending", client);
	say_bytes("recv", client);
	say_peer("after a read", client);
	getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &len);
	say_peer("after SO_ERROR", client);
	say_bytes("recv", client);
	say_peer("after another read", client);
	close(client);
}

/* Returns whether the observer has no peer, but its bytes, as soon as the other end was closed. */
static bool is_gone_at_once(bool by_linger)
{
	const struct linger at_once = {.l_onoff = 1};
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int closing, observer;
	char bytes[8];
	bool is_gone;

	connected_pair(AF_INET, &closing, &observer);
	if (by_linger) {
		must(setsockopt(closing, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
		     "SO_LINGER");
	} else {
		put(observer, "answer");
		wait_unread(closing, 6);
	}
	put(closing, "unread");
	close(closing);
	is_gone = getpeername(observer, (struct sockaddr *)&addr, &len) < 0 &&
		  recv(observer, bytes, sizeof bytes, MSG_DONTWAIT) == 6;
	close(observer);
	return is_gone;
}

/* Python's ssl asks for the peer to learn whether it is still there. */
CHECK(who_was_reset_over_loopback_has_no_peer_at_once)
{
	int by_linger = 0, by_unread = 0;

	for (int i = 0; i < 50; i++) {
		by_linger += is_gone_at_once(true);
		by_unread += is_gone_at_once(false);
	}
	say("gone at once: %d with SO_LINGER, %d with unread bytes", by_linger, by_unread);
}

CHECK(who_was_reset_has_no_peer)
{
	static const int shutdowns[] = {NO_SHUTDOWN, SHUT_WR, SHUT_RD};

	for (size_t i = 0; i < sizeof shutdowns / sizeof *shutdowns; i++)
		for (int bytes = 0; bytes < 2; bytes++)
			for (int linger = 0; linger < 2; linger++) {
				say("shutdown %d, bytes %d, linger %d:", shutdowns[i], bytes,
				    linger);
				reset_after(shutdowns[i], bytes, linger);
			}
}
