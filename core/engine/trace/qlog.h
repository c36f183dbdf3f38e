/* SPDX-License-Identifier: MIT */
/*
 * qlog - traces of connections as files: one each, in the directory that RUDP_QLOG names.
 *
 * What the observer of the protocol is told becomes text in memory (qlog_text.h) at once, and goes to
 * its file in large writes at the end of a turn of the loop: when there is much of it, or a second has
 * passed. Nothing about traces ever disturbs a connection: where memory, a limit or the disk says no,
 * there is less of a trace, and a remark in it or a line in the log.
 *
 * No file is held open. A connection that an unauthenticated peer has begun has a file only once it
 * stands.
 */
#ifndef RUDP_ENGINE_QLOG_H
#define RUDP_ENGINE_QLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "proto/conn/observer.h"

#define RUDP_QLOG_FILE_MAX_BYTES (UINT64_C(256) << 20) /* there a trace ends with a remark */
#define RUDP_QLOG_ALL_MAX_BYTES (UINT64_C(1) << 30)    /* of all files of one engine together */
#define RUDP_QLOG_TRACES_MAX 4096u                     /* at a time; further connections have none */
#define RUDP_QLOG_BUFFER_MAX_BYTES (2u << 20)          /* of one trace; then facts are left out */
#define RUDP_QLOG_BUFFERED_MAX_BYTES (16u << 20)       /* of all of them */
#define RUDP_QLOG_WRITE_BYTES (64u << 10)              /* worth a write at the end of the turn */
#define RUDP_QLOG_WRITE_AFTER_NS RUDP_NS_PER_S         /* however little it is */

struct rudp_qlog {
	struct rudp_observer observer; /* for the endpoint's configuration */
	int directory_fd;              /* -1: no traces, or no more */
	const int64_t *now_at_ns;      /* the owner's clock */
	int64_t wall_ahead_ns;         /* of that clock */
	struct rudp_list waiting;      /* traces with unwritten text; first come first */
	struct rudp_list full;         /* those with enough for a write */
	int64_t write_at_ns;           /* RUDP_NEVER: nothing waits */
	uint64_t file_max_bytes, all_max_bytes;
	uint64_t all_bytes;            /* of all files, with what is still to be written */
	size_t buffered_bytes;         /* memory of all buffers */
	unsigned trace_count;
	struct {
		uint64_t files, cut_short, facts_left_out, connections_left_out;
	} counts;
};

/*
 * Opens the directory: it must exist, belong to this user or root, and not be writable by others unless
 * it is sticky. An empty name: no traces.
 *
 * Returns  0, or -errno (-EPERM: not ours alone), with a line in the log; there are no traces then, and
 *          everything else here does nothing.
 */
int rudp_qlog_open(struct rudp_qlog *qlog, const char *directory, const int64_t *now_at_ns);
/* Whether that would do: 0 or -errno, without a word; and what such a number means. */
int rudp_qlog_check(const char *directory);
const char *rudp_qlog_open_error(int rc);
/* After the endpoint has been freed. */
void rudp_qlog_close(struct rudp_qlog *qlog);

/* NULL where there are no traces. */
const struct rudp_observer *rudp_qlog_observer(const struct rudp_qlog *qlog);

/* The end of a turn: writes what is due. */
void rudp_qlog_run(struct rudp_qlog *qlog);
/* Writes everything: there may be no other turn. */
void rudp_qlog_flush(struct rudp_qlog *qlog);
/* When run wants to be called at the latest. */
int64_t rudp_qlog_deadline_ns(const struct rudp_qlog *qlog);

#endif
