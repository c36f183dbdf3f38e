/* SPDX-License-Identifier: MIT */
/*
 * world - two hosts, one path, many connections, virtual time.
 *
 * Host 0 opens the connections, host 1 listens. Each host is one rudp endpoint with a program that
 * writes a pattern, reads and compares, and ends the connection as its plan says. Everything is a
 * function of the seed. The world stops with a reason as soon as an invariant is violated.
 */
#ifndef RUDP_SIM_WORLD_H
#define RUDP_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "attacker.h"
#include "link.h"
#include "proto/conn/endpoint.h"

#define WORLD_CONNS_MAX 64
#define WORLD_REASON_BYTES 200
#define WORLD_DATAGRAM_BYTES 1400

/* How a connection ends. */
enum world_end {
	END_ORDERLY,      /* both send all, half close, read to the end */
	END_RESET,        /* the client resets after half of its bytes: the server must see it */
	END_CLOSE_UNREAD, /* the server closes with bytes unread: the client must see a reset */
	END_COUNT,
};

struct world_config {
	uint64_t seed;
	struct link_config up, down; /* client to server; server to client */
	int conns;
	uint64_t up_bytes, down_bytes; /* of each connection */
	enum world_end end;
	int64_t start_spread_ns; /* connections start within this time */
	int64_t read_every_ns;   /* 0: the readers read at once */
	size_t read_bytes;       /* each time, when slow */
	int64_t rebind_every_ns; /* the client's source port changes (NAT); 0: never */
	/* its address too; with an odd seed there is no NAT: the client's host moves, and knows
	 * it */
	bool rebind_host;
	int64_t rekey_every_ns; /* both ends of all connections near their keys' limit */
	uint32_t exchanges_min; /* fewer exchanges of keys in a connection are a failure */
	struct attacker_config attacker;
	int64_t restart_every_ns; /* the server is restarted, between connections; 0: never */
	bool resume_off;
	unsigned resumed_min; /* fewer ends of connections resumed are a failure */
	bool early;           /* clients write before their SYN leaves, which waits for that
					  * at every other one; servers allow it */
	unsigned early_min;   /* likewise, ends with early data */
	bool may_be_reset;    /* ECONNRESET is no failure: at most once, not exactly once */
	const char *cc;
	bool keyed;
	uint8_t suite;
	size_t buffer_max_bytes;
	uint64_t memory_max_bytes; /* of a host's connections; too little; 0: no limit */
	uint64_t refused_min;      /* fewer datagrams without memory for them are a failure */
	int64_t connect_timeout_ns;
	int64_t finish_by_ns;     /* in virtual time; a later end is a failure */
	int64_t data_by_ns;       /* likewise, for the last end of file; 0: no bound */
	uint32_t interface_bytes; /* of both hosts' interfaces; 0: unknown */
	uint32_t datagram_least, datagram_most; /* of the server's datagrams at the end; 0: any */
	uint64_t size_drops_max;                /* downward, too big for the path; 0: any number */
	int64_t trace_every_ns;                 /* print the first connection's state; 0: never */
	const char *qlog; /* directory for traces of all connections; NULL: none */
};

struct world_result {
	bool ok;
	char reason[WORLD_REASON_BYTES];
	int64_t end_ns;
	int64_t data_end_ns; /* when the last end of file was read */
	uint64_t steps;
	uint64_t datagrams;
	struct link_counts up, down;
	double goodput_bits_per_s; /* stream bytes of both directions until then */
	uint64_t stream_resent;
	uint32_t datagram_bytes;    /* of the first connection at the server, at the end */
	unsigned resumed;           /* connections that resumed an earlier association */
	uint64_t memory_most_bytes; /* the most that a host's buffers held */
	uint64_t refused;           /* datagrams for which there was no memory */
	uint32_t exchanges_most;    /* the most key exchanges of a connection */
	unsigned early;             /* ends with early data */
	int64_t queue_delay_mean_ns, queue_delay_max_ns; /* upward link */
};

/* Runs until the end. false: no memory for the world itself. */
bool world_run(const struct world_config *config, struct world_result *result);

#endif
