/* SPDX-License-Identifier: MIT */
/*
 * Proves that the checks ran over rudp: it is listed as an expected difference, so a failure is
 * noticed.
 */
#include "behaviour/check.h"

#include <netinet/in.h>
#include <stdio.h>

/*
 * Whether kernel TCP has an established connection with these ports (the table may list it twice).
 */
static bool kernel_has(unsigned from, unsigned to)
{
	bool found = false;
	char line[512];
	FILE *table = fopen("/proc/self/net/tcp", "r");
	must(table != NULL, "/proc/self/net/tcp");
	while (fgets(line, sizeof(line), table)) {
		unsigned local, remote, state;
		if (sscanf(line, " %*d: %*x:%x %*x:%x %x", &local, &remote, &state) == 3 &&
		    local == from && remote == to)
			found |= state == 1;
	}
	fclose(table);
	return found;
}

CHECK(the_connection_is_one_of_kernel_tcp)
{
	struct sockaddr_in name, peer;
	socklen_t len = sizeof(name), peer_len = sizeof(peer);
	int client, server;
	connected_pair(AF_INET, &client, &server);
	must(getsockname(client, (struct sockaddr *)&name, &len) == 0, "getsockname");
	must(getpeername(client, (struct sockaddr *)&peer, &peer_len) == 0, "getpeername");
	say("connections of this port in the kernel's table: %d",
	    kernel_has(ntohs(name.sin_port), ntohs(peer.sin_port)));
}

CHECK(a_writable_socket_shows_wrband)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	struct pollfd entry = {.fd = client, .events = POLLWRBAND};
	say("poll: %d", poll(&entry, 1, 0));
}
