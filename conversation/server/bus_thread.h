/* SPDX-License-Identifier: MIT */
/*
 * bus_thread - the thread that connects a node of a cluster to NATS: it appends entries to the
 * log, a stream of JetStream, and delivers the entries of all nodes.
 *
 * Model    It makes the stream if there is none. Requests are mail to the thread, results are mail
 *          to the owner (struct apo_bus_mail). One publication is in progress at a time
 *          (cluster/replica.h). The first time it is only sent; the thread waits for the result of
 *          a repetition. The NATS library connects again by itself, and delivers entries in order;
 *          if it fails to, the owner has it subscribe again.
 *          The consumer of a subscription reads the copy of the stream that one server has, any of
 *          them. If that copy is wrong, another subscription helps: reopen.
 *          Entries that the owner has not handled yet are bounded (backlog.h): at more, the thread
 *          of the library stops, and the flow control of JetStream stops the server. Nothing is
 *          lost, since the stream keeps the entries.
 * Errors   A repetition without result within APO_BUS_WAIT_MS is reported as failed. Connections
 *          and subscriptions that fail are logged and tried again (cluster/subscription.h).
 * Threads  start, stop: the main thread. publish, reopen, send: the owner's thread.
 */
#ifndef APO_SERVER_BUS_THREAD_H
#define APO_SERVER_BUS_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation/cluster/replica.h"
#include "conversation/server/backlog.h"
#include "conversation/server/config.h"
#include "conversation/server/mailbox.h"

#define APO_BUS_WAIT_MS 2000
#define APO_BUS_BACKLOG_BYTES_MAX (64u << 20) /* of entries for the owner */
#define APO_BUS_CHUNK_BYTES (256u << 10)      /* of a snapshot; NATS carries 1 MB in a message */
#define APO_BUS_MESSAGE_BYTES_MAX (APO_BUS_CHUNK_BYTES + 256) /* longer ones are ignored */
#define APO_BUS_UNSENT_BYTES_MAX (16u << 20)                  /* of messages to other nodes */

enum apo_bus_news {
	APO_BUS_READY,     /* entries from now on are delivered; once for each opening */
	APO_BUS_ENTRY,     /* seq, bytes */
	APO_BUS_PUBLISHED, /* number; seq 1: stored, 0: failed */
	APO_BUS_CHUNK,     /* of a snapshot: bytes as they were sent */
	APO_BUS_HISTORY,   /* a message between history threads: bytes as they were sent */
	APO_BUS_UNREADABLE /* the log cannot be subscribed now; the thread tries again */
};

struct apo_bus_mail {
	struct apo_mail mail;
	enum apo_bus_news news;
	uint64_t seq, number;
	size_t len;
	uint8_t bytes[];
};

struct apo_bus_thread {
	pthread_t thread;
	struct apo_mailbox box;
	struct apo_mailbox *owner;
	int mail_kind; /* of the mail to the owner */
	struct apo_config *config;
	bool is_running, is_ending; /* owned by the main thread */
	/* Objects of the NATS library, owned by the thread (bus_thread.c). */
	struct apo_bus *bus;
	struct apo_backlog backlog; /* of entries */
	struct apo_backlog own;     /* of chunks and messages between history threads */
	atomic_size_t unsent_bytes; /* of messages to other nodes that wait for this thread */
	/* The last entry delivered; 0: none. */
	_Atomic uint64_t delivered_seq;
	_Atomic int reopening; /* enum apo_reopening */
};

/* Starts the thread, which delivers the entries after this sequence; 0: new ones only. Returns 0 or
 * a negative errno value. */
int apo_bus_thread_start(struct apo_bus_thread *bus_thread, struct apo_mailbox *owner,
			 int mail_kind, struct apo_config *config, uint64_t after_seq);
/* Lets it close its connection soon. apo_bus_thread_stop follows. */
void apo_bus_thread_end(struct apo_bus_thread *bus_thread);
/* Ends it. No thread takes mail from the owner's mailbox meanwhile. Returns false if threads of the
 * NATS library still run after 42 s; they use this object and the mailbox. */
bool apo_bus_thread_stop(struct apo_bus_thread *bus_thread);

/* An entry of the log, for the owner. Waits if too many wait for it. */
void apo_bus_thread_deliver(struct apo_bus_thread *bus_thread, uint64_t seq, const void *bytes,
			    size_t len);
/* The owner has handled the mail: an entry, a chunk or a message between history threads. */
void apo_bus_thread_on_handled(struct apo_bus_thread *bus_thread, const struct apo_bus_mail *mail);

/* Returns whether too many messages to other nodes wait, so that further ones are dropped. A NATS
 * server that reads nothing costs at most APO_BUS_UNSENT_BYTES_MAX and one snapshot. */
bool apo_bus_thread_is_behind(const struct apo_bus_thread *bus_thread);

/* The bytes are copied. */
void apo_bus_thread_publish(struct apo_bus_thread *bus_thread, const void *bytes, size_t len,
			    uint64_t number);
/* Subscribes again, within a second or as soon as that is possible. READY answers, except after
 * APO_REOPEN_NEXT. */
void apo_bus_thread_reopen(struct apo_bus_thread *bus_thread, enum apo_reopening how);
/* A part of a snapshot for the node of that name. */
void apo_bus_thread_send_chunk(struct apo_bus_thread *bus_thread, const char *name,
			       const void *bytes, size_t len);
/* A message to the node of that name; at most APO_BUS_CHUNK_BYTES. It may get lost. */
void apo_bus_thread_send_history(struct apo_bus_thread *bus_thread, const char *name,
				 const void *bytes, size_t len);

#endif
