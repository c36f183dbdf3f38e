/* SPDX-License-Identifier: MIT */
/*
 * speaker - a thread with an endpoint of the protocol and its UDP sockets, for bench/engines.c: what an
 * engine does on the side of the network, without programs. Speakers share no memory that they write.
 *
 * Threads  a speaker belongs to its thread, which runs speaker_run(); counts may be read by any.
 */
#ifndef BENCH_SPEAKER_H
#define BENCH_SPEAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "proto/conn/endpoint.h"
#include "steer.h"

#define SPEAKER_BATCH 16 /* datagrams a call, as the engine's RUDP_RECEIVE_BATCH */
#define SPEAKER_DATAGRAM_BYTES 65536
#define SPEAKER_EVENTS 128
#define SPEAKER_WAIT_MAX_MS 20 /* so late it notices that it is to end */

struct speaker;

struct speaker_socket {
	int fd;
	struct rudp_list link; /* in speaker->sockets */
	struct rudp_addr local;
	struct rudp_addr remote; /* connected; else its family is AF_UNSPEC */
};

struct speaker {
	/* The owner's. events: enum rudp_event. */
	const struct steer *steer; /* ids are those of this engine; NULL: ids are random */
	unsigned engine;
	unsigned cpu;
	atomic_bool *over;
	void (*on_event)(struct speaker *speaker, struct rudp_conn *conn, unsigned events);
	void (*on_turn)(struct speaker *speaker); /* in each turn; may be NULL */
	atomic_ulong requests;                    /* answered */
	atomic_ulong failed;                      /* connections that ended with an error */
	/* The speaker's. */
	struct rudp_endpoint *ep;
	int epoll_fd;
	struct rudp_list sockets;
	int64_t now_ns;
	uint8_t *buffers; /* SPEAKER_BATCH of SPEAKER_DATAGRAM_BYTES */
	uint8_t *train;   /* RUDP_TRAIN_BYTES_MAX */
};

/*
 * What a speaker is, does and is told by must be filled in. All speakers have the same secret for reset
 * tokens, as engines of one user have. Any failure ends the program.
 */
void speaker_init(struct speaker *speaker);
void speaker_fini(struct speaker *speaker);
/* As if it were another process by now: another endpoint, on the same sockets. */
void speaker_forget(struct speaker *speaker);

/* Opens a socket bound to local (port 0: any), and connected to remote unless that is NULL. */
struct speaker_socket *speaker_open(struct speaker *speaker, const struct rudp_addr *local,
				    const struct rudp_addr *remote, bool shares_port,
				    const struct steer *program);

/* Takes what has come, waiting for at most so long; sends what is to be sent. */
void speaker_turn(struct speaker *speaker, int wait_max_ms);
/* On its processor, until *over. For pthread_create. */
void *speaker_run(void *speaker);

#endif
