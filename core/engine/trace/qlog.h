/* SPDX-License-Identifier: MIT */
/*
 * qlog - writes a trace of each connection to a file, in the directory that RUDP_QLOG names.
 *
 * The facts that the protocol's observer receives become text in memory at once (qlog_text.h). The
 * text goes to the file in large writes at the end of a turn of the event loop: when there is
 * enough of it, or when a second has passed. Tracing never disturbs a connection. If memory, a
 * limit or the disk is exhausted, the trace is incomplete, and a remark in it or a line in the log
 * says so.
 *
 * No file stays open. A connection that a peer has begun gets a file only when it is established.
 */
#ifndef RUDP_ENGINE_QLOG_H
#define RUDP_ENGINE_QLOG_H

#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "proto/conn/observer.h"

#define RUDP_QLOG_FILE_MAX_BYTES (UINT64_C(256) << 20) /* then the trace ends with a remark */
#define RUDP_QLOG_ALL_MAX_BYTES (UINT64_C(1) << 30)    /* of all files of one engine together */
#define RUDP_QLOG_TRACES_MAX 4096u                     /* at a time; others are not traced */
#define RUDP_QLOG_BUFFER_MAX_BYTES (2u << 20)    /* of one trace; beyond it facts are left out */
#define RUDP_QLOG_BUFFERED_MAX_BYTES (16u << 20) /* of all traces */
#define RUDP_QLOG_WRITE_BYTES (64u << 10)        /* enough for a write at the end of the turn */
#define RUDP_QLOG_WRITE_AFTER_NS RUDP_NS_PER_S   /* after this time any amount is written */

struct rudp_qlog {
	struct rudp_observer observer; /* for the endpoint's configuration */
	int directory_fd;              /* -1: tracing is off, or has been given up */
	const int64_t *now_at_ns;      /* the owner's clock */
	int64_t wall_ahead_ns;         /* wall clock time minus that clock */
	struct rudp_list waiting;      /* traces with unwritten text, oldest first */
	struct rudp_list full;         /* traces with RUDP_QLOG_WRITE_BYTES or more */
	int64_t write_at_ns;           /* RUDP_NEVER: no text waits */
	uint64_t file_max_bytes, all_max_bytes;
	uint64_t all_bytes;    /* of all files, including unwritten text */
	size_t buffered_bytes; /* memory of all buffers */
	unsigned trace_count;
	struct {
		uint64_t cut_short, facts_left_out, connections_left_out;
	} counts;
};

/*
 * Opens the directory. It must exist, belong to this user or root, and not be writable by others
 * unless it has the sticky bit. An empty name means no traces.
 *
 * Returns  0, or -errno (-EPERM: owner or mode is wrong) with a line in the log. After an error
 *          there are no traces, and all other functions here do nothing.
 */
int rudp_qlog_open(struct rudp_qlog *qlog, const char *directory, const int64_t *now_at_ns);
/*
 * rudp_qlog_check tests whether the directory could be opened, without logging. Returns 0 or
 * -errno. rudp_qlog_open_error explains that number.
 */
int rudp_qlog_check(const char *directory);
const char *rudp_qlog_open_error(int rc);
/* To be called after the endpoint has been freed. */
void rudp_qlog_close(struct rudp_qlog *qlog);

/* NULL if tracing is off. */
const struct rudp_observer *rudp_qlog_observer(const struct rudp_qlog *qlog);

/* To be called at the end of a turn: writes the traces that are due. */
void rudp_qlog_run(struct rudp_qlog *qlog);
/* Writes all traces, for instance because no further turn may come. */
void rudp_qlog_flush(struct rudp_qlog *qlog);
/* The latest time for the next call of rudp_qlog_run(). */
int64_t rudp_qlog_deadline_ns(const struct rudp_qlog *qlog);

#endif
