/* SPDX-License-Identifier: MIT */
/* Much data, in very small and in large pieces, in both directions at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "behaviour/data.h"
#include "behaviour/setup.h"

#define SMALL_WRITES 100000
#define LARGE_BYTES (8u << 20)

CHECK(many_one_byte_writes_both_ways_before_anyone_reads)
{
	int client, server;
	static unsigned char data[SMALL_WRITES];
	connected_pair(AF_INET, &client, &server);
	set_option(client, IPPROTO_TCP, 1, 1);
	fill_pattern(data, sizeof(data), 0);
	for (size_t i = 0; i < SMALL_WRITES; i++) {
		must(write(client, data + i, 1) == 1, "client write");
		must(write(server, data + i, 1) == 1, "server write");
	}
	memset(data, 0, sizeof(data));
	say_result("server", recv(server, data, sizeof(data), MSG_WAITALL));
	say("as sent: %d", is_pattern(data, sizeof(data), 0));
	memset(data, 0, sizeof(data));
	say_result("client", recv(client, data, sizeof(data), MSG_WAITALL));
	say("as sent: %d", is_pattern(data, sizeof(data), 0));
	say_result("no more", recv(client, data, 1, MSG_DONTWAIT));
}

static void *send_much(void *argument)
{
	int fd = *(int *)argument;
	unsigned char block[10007];
	for (size_t at = 0; at < LARGE_BYTES; at += sizeof(block)) {
		size_t n = LARGE_BYTES - at < sizeof(block) ? LARGE_BYTES - at : sizeof(block);
		fill_pattern(block, n, at);
		put_bytes(fd, block, n);
	}
	must(shutdown(fd, SHUT_WR) == 0, "shutdown");
	return NULL;
}

static void *receive_much(void *argument)
{
	int fd = *(int *)argument;
	unsigned char block[8191];
	size_t at = 0;
	ssize_t n;
	bool same = true;
	while ((n = recv(fd, block, sizeof(block), 0)) > 0) {
		same = same && is_pattern(block, (size_t)n, at);
		at += (size_t)n;
	}
	say("received %zu, as sent: %d, then %zd", at, same, n);
	return NULL;
}

CHECK(large_transfers_both_ways_at_once)
{
	int ends[2];
	pthread_t threads[4];
	connected_pair(AF_INET, &ends[0], &ends[1]);
	for (int i = 0; i < 2; i++) {
		threads[2 * i] = spawn(send_much, &ends[i]);
		threads[2 * i + 1] = spawn(receive_much, &ends[i]);
	}
	for (int i = 0; i < 4; i++)
		finish(threads[i]);
}

CHECK(a_large_transfer_over_ipv6)
{
	int client, server;
	connected_pair(AF_INET6, &client, &server);
	pthread_t sender = spawn(send_much, &client);
	receive_much(&server);
	finish(sender);
}

CHECK(non_blocking_transfer_by_poll)
{
	int client, server;
	static unsigned char out[3 << 20], in[3 << 20];
	size_t sent = 0, got = 0;
	connected_pair(AF_INET, &client, &server);
	set_blocking(client, false);
	set_blocking(server, false);
	fill_pattern(out, sizeof(out), 0);
	while (got < sizeof(in)) {
		struct pollfd entries[] = {
			{.fd = client, .events = sent < sizeof(out) ? POLLOUT : 0},
			{.fd = server, .events = POLLIN}};
		must(poll(entries, 2, 10000) > 0, "poll");
		if (entries[0].revents & POLLOUT) {
			ssize_t n = write(client, out + sent, sizeof(out) - sent);
			must(n > 0 || errno == EAGAIN, "write");
			sent += n > 0 ? (size_t)n : 0;
		}
		if (entries[1].revents & POLLIN) {
			ssize_t n = read(server, in + got, sizeof(in) - got);
			must(n > 0 || errno == EAGAIN, "read");
			got += n > 0 ? (size_t)n : 0;
		}
	}
	say("as sent: %d", memcmp(in, out, sizeof(in)) == 0);
}

CHECK(a_slow_reader_loses_nothing)
{
	int client, server;
	static unsigned char data[1 << 20];
	connected_pair(AF_INET, &client, &server);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		fill_pattern(data, sizeof(data), 0);
		put_bytes(client, data, sizeof(data));
		_exit(0);
	}
	bool same = true;
	for (size_t at = 0; at < sizeof(data);) {
		unsigned char few[101];
		ssize_t n = recv(server, few, sizeof(few), 0);
		must(n > 0, "recv");
		same = same && is_pattern(few, (size_t)n, at);
		at += (size_t)n;
	}
	say("as sent: %d", same);
	reap(child);
}

CHECK(bytes_sent_before_close_arrive)
{
	int client, server;
	connected_pair(AF_INET, &client, &server);
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		close(server);
		int sender = client;
		send_much(&sender);
		_exit(0);
	}
	close(client);
	receive_much(&server);
	reap(child);
}
