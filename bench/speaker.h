/* SPDX-License-Identifier: MIT */
/*
 * speaker - a thread with an endpoint of the protocol and its UDP sockets, for bench/engines.c: the
 * network side of an engine, without programs. Speakers share no memory that they write.
 *
 * Threads  a speaker belongs to its thread, which runs speaker_run(); any thread may read the
 *          counts.
 */
#ifndef BENCH_SPEAKER_H
#define BENCH_SPEAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "proto/conn/endpoint.h"
#include "steer.h"

#define SPEAKER_BATCH 16 /* datagrams in one call, like the engine's RUDP_RECEIVE_BATCH */
#define SPEAKER_DATAGRAM_BYTES 65536
#define SPEAKER_EVENTS 128
#define SPEAKER_WAIT_MAX_MS 20 /* the delay with which it notices its end */

struct speaker;

struct speaker_socket {
	int fd;
	struct rudp_list link; /* in speaker->sockets */
	struct rudp_addr local;
	struct rudp_addr remote; /* if connected; else its family is AF_UNSPEC */
};

struct speaker {
	/* Set by the owner. events: enum rudp_event. */
	const struct steer *steer; /* connection ids encode this engine; NULL: ids are random */
	unsigned engine;
	unsigned cpu;
	atomic_bool *over;
	void (*on_event)(struct speaker *speaker, struct rudp_conn *conn, unsigned events);
	void (*on_turn)(struct speaker *speaker); /* in each turn; may be NULL */
	atomic_ulong requests;                    /* answered */
	atomic_ulong failed;                      /* connections that ended with an error */
	/* Owned by the speaker. */
	struct rudp_endpoint *ep;
	int epoll_fd;
	struct rudp_list sockets;
	int64_t now_ns;
	uint8_t *buffers; /* SPEAKER_BATCH of SPEAKER_DATAGRAM_BYTES */
	uint8_t *train;   /* RUDP_TRAIN_BYTES_MAX */
};

/*
 * The owner must have filled in its members. All speakers have the same secret for reset tokens,
 * like engines of one user. Any failure ends the program.
 */
void speaker_init(struct speaker *speaker);
void speaker_fini(struct speaker *speaker);
/* Replaces the endpoint by a new one on the same sockets, like a restarted process. */
void speaker_forget(struct speaker *speaker);

/* Opens a socket bound to local (port 0: any), and connected to remote unless that is NULL. */
struct speaker_socket *speaker_open(struct speaker *speaker, const struct rudp_addr *local,
				    const struct rudp_addr *remote, bool shares_port,
				    const struct steer *program);

/* Receives what has arrived, waits at most wait_max_ms, and sends what is due. */
void speaker_turn(struct speaker *speaker, int wait_max_ms);
/* Runs on its processor until *over. For pthread_create. */
void *speaker_run(void *speaker);

#endif
