/* SPDX-License-Identifier: MIT */
#include "engine/trace/qlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/trace/qlog_text.h"

#define NAME_SIZE 64
#define BUFFER_MIN_BYTES 4096u
#define REMARK_MAX_BYTES 256u /* reserved at each limit for the remark that ends the trace */

struct trace {
	struct rudp_qlog *qlog;
	struct rudp_list link; /* in waiting or full if it has text to write */
	struct rudp_qlog_reported reported;
	char name[NAME_SIZE];
	uint64_t file_bytes; /* bytes written */
	char *text;
	size_t len, cap;
	uint64_t left_out; /* facts, since the last fact that was added */
	bool unconfirmed;  /* begun by a peer and not yet established: no file */
	bool has_file;
	bool over;
};

static void free_text(struct trace *trace)
{
	trace->qlog->buffered_bytes -= trace->cap;
	free(trace->text);
	trace->text = NULL;
	trace->len = trace->cap = 0;
}

static bool grow(struct trace *trace, size_t wanted)
{
	struct rudp_qlog *qlog = trace->qlog;
	size_t cap = trace->cap ? trace->cap : BUFFER_MIN_BYTES;
	char *text;

	while (cap < wanted)
		cap *= 2;
	if (cap > RUDP_QLOG_BUFFER_MAX_BYTES ||
	    qlog->buffered_bytes + cap - trace->cap > RUDP_QLOG_BUFFERED_MAX_BYTES)
		return false;
	text = realloc(trace->text, cap);
	if (!text)
		return false;
	qlog->buffered_bytes += cap - trace->cap;
	trace->text = text;
	trace->cap = cap;
	return true;
}

static void enqueue(struct trace *trace)
{
	struct rudp_qlog *qlog = trace->qlog;

	if (trace->unconfirmed)
		return;
	if (trace->len >= RUDP_QLOG_WRITE_BYTES) {
		rudp_list_remove(&trace->link);
		rudp_list_append(&qlog->full, &trace->link);
	} else if (!rudp_list_is_linked(&trace->link)) {
		rudp_list_append(&qlog->waiting, &trace->link);
		qlog->write_at_ns = rudp_time_min(qlog->write_at_ns,
						  *qlog->now_at_ns + RUDP_QLOG_WRITE_AFTER_NS);
	}
}

static bool append(struct trace *trace, const char *text, size_t len)
{
	if (trace->len + len > trace->cap && !grow(trace, trace->len + len))
		return false;
	memcpy(trace->text + trace->len, text, len);
	trace->len += len;
	trace->qlog->all_bytes += len;
	enqueue(trace);
	return true;
}

static bool remark(struct trace *trace, const char *message, uint64_t count)
{
	char text[RUDP_QLOG_RECORD_MAX_BYTES];
	size_t len = rudp_qlog_write_remark(text, &trace->reported, message, count,
					    *trace->qlog->now_at_ns);

	return append(trace, text, len);
}

static void cut_short(struct trace *trace)
{
	(void)remark(trace, "trace cut short: the limit in bytes is reached",
		     trace->file_bytes + trace->len);
	trace->over = true;
	trace->qlog->counts.cut_short++;
}

/* Space for a remark is reserved, so the count of omitted facts is written as early as possible. */
static bool add_to_buffer(struct trace *trace, const char *text, size_t len)
{
	if (trace->len + len + 2 * REMARK_MAX_BYTES > RUDP_QLOG_BUFFER_MAX_BYTES)
		return false;
	if (trace->left_out > 0) {
		if (!remark(trace, "facts left out: no memory to keep them until they are written",
			    trace->left_out))
			return false;
		trace->left_out = 0;
	}
	return append(trace, text, len);
}

static void add(struct trace *trace, const char *text, size_t len)
{
	struct rudp_qlog *qlog = trace->qlog;

	if (trace->file_bytes + trace->len + len + REMARK_MAX_BYTES > qlog->file_max_bytes ||
	    qlog->all_bytes + len + REMARK_MAX_BYTES > qlog->all_max_bytes) {
		cut_short(trace);
		return;
	}
	if (len == 0 || add_to_buffer(trace, text, len))
		return;
	trace->left_out++;
	qlog->counts.facts_left_out++;
}

static void name_trace(struct trace *trace, const struct rudp_conn *conn, int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / RUDP_NS_PER_S);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	snprintf(trace->name, sizeof trace->name,
		 "%04d%02d%02dT%02d%02d%02d.%03dZ-%016" PRIx64 "-%s.sqlog",
		 (utc.tm_year + 1900) % 10000, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		 utc.tm_sec, (int)(wall_ns % RUDP_NS_PER_S / RUDP_NS_PER_MS),
		 rudp_qlog_group_id(conn), rudp_conn_is_initiator(conn) ? "client" : "server");
}

static struct trace *begin(struct rudp_qlog *qlog, struct rudp_conn *conn)
{
	struct trace *trace;
	char text[RUDP_QLOG_RECORD_MAX_BYTES];
	int64_t wall_ns = *qlog->now_at_ns + qlog->wall_ahead_ns;

	if (qlog->trace_count >= RUDP_QLOG_TRACES_MAX ||
	    qlog->all_bytes + RUDP_QLOG_RECORD_MAX_BYTES > qlog->all_max_bytes ||
	    !(trace = calloc(1, sizeof *trace))) {
		qlog->counts.connections_left_out++;
		return NULL;
	}
	trace->qlog = qlog;
	trace->reported.began_at_ns = *qlog->now_at_ns;
	trace->unconfirmed = !rudp_conn_is_initiator(conn);
	name_trace(trace, conn, wall_ns);
	add(trace, text, rudp_qlog_write_header(text, conn, wall_ns));
	rudp_conn_set_trace(conn, trace);
	qlog->trace_count++;
	return trace;
}

/* The first failure ends all tracing: one line in the log, and no further attempt for each
 * packet. */
static void stop_tracing(struct rudp_qlog *qlog, const char *name, int error)
{
	if (qlog->directory_fd < 0)
		return;
	rudp_log(RUDP_LOG_ERROR, "RUDP_QLOG: %s cannot be written, no more traces: %s", name,
		 strerror(error));
	close(qlog->directory_fd);
	qlog->directory_fd = -1;
}

static int open_file(const struct trace *trace)
{
	int how = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	how |= trace->has_file ? O_APPEND : O_CREAT | O_EXCL;
	return openat(trace->qlog->directory_fd, trace->name, how, 0600);
}

/* Returns 0 or an errno. In both cases the file ends with a complete record. */
static int write_all(int fd, const struct trace *trace)
{
	size_t done = 0;

	while (done < trace->len) {
		ssize_t n = write(fd, trace->text + done, trace->len - done);
		int error = errno;

		if (n < 0 && error == EINTR)
			continue;
		if (n <= 0) {
			if (done > 0 && ftruncate(fd, (off_t)trace->file_bytes) < 0)
				return error;
			return n < 0 ? error : EIO;
		}
		done += (size_t)n;
	}
	return 0;
}

static void write_out(struct trace *trace)
{
	struct rudp_qlog *qlog = trace->qlog;
	int fd, error = 0;

	rudp_list_remove(&trace->link);
	if (trace->len > 0 && qlog->directory_fd >= 0) {
		fd = open_file(trace);
		error = fd < 0 ? errno : write_all(fd, trace);
		trace->has_file |= fd >= 0;
		if (fd >= 0 && close(fd) < 0 && error == 0)
			error = errno;
		if (error && trace->file_bytes == 0)
			unlinkat(qlog->directory_fd, trace->name, 0);
		if (error)
			stop_tracing(qlog, trace->name, error);
		else
			trace->file_bytes += trace->len;
	}
	free_text(trace);
}

static void end(struct trace *trace)
{
	if (trace->unconfirmed)
		trace->qlog->all_bytes -= trace->len;
	else
		write_out(trace);
	rudp_list_remove(&trace->link);
	free_text(trace);
	trace->qlog->trace_count--;
	free(trace);
}

static void on_fact(void *context, struct rudp_conn *conn, const struct rudp_fact *fact)
{
	struct rudp_qlog *qlog = context;
	struct trace *trace = rudp_conn_trace(conn);
	char text[RUDP_QLOG_RECORD_MAX_BYTES];

	if (fact->kind == RUDP_FACT_GONE) {
		if (trace)
			end(trace);
		return;
	}
	if (qlog->directory_fd < 0)
		return;
	if (!trace && fact->kind == RUDP_FACT_STATE && fact->state.from == RUDP_STATE_CLOSED)
		trace = begin(qlog, conn);
	if (!trace || trace->over)
		return;
	if (fact->kind == RUDP_FACT_STATE && fact->state.to == RUDP_STATE_ESTABLISHED)
		trace->unconfirmed = false;
	add(trace, text,
	    rudp_qlog_write_fact(text, &trace->reported, conn, fact, *qlog->now_at_ns));
}

static int check_directory(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	return st.st_mode & 022 && !(st.st_mode & S_ISVTX) ? -EPERM : 0;
}

/* Returns a descriptor or -errno. */
static int open_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : check_directory(fd);

	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}

const char *rudp_qlog_open_error(int rc)
{
	return rc == -EPERM ? "it belongs to another user, or others can write to it"
			    : strerror(-rc);
}

int rudp_qlog_check(const char *directory)
{
	int fd;

	if (!*directory)
		return 0;
	fd = open_directory(directory);
	if (fd < 0)
		return fd;
	close(fd);
	return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int rudp_qlog_open(struct rudp_qlog *qlog, const char *directory, const int64_t *now_at_ns)
{
	struct timespec wall;
	int fd;

	*qlog = (struct rudp_qlog){.observer = {qlog, on_fact},
				   .directory_fd = -1,
				   .now_at_ns = now_at_ns,
				   .write_at_ns = RUDP_NEVER,
				   .file_max_bytes = RUDP_QLOG_FILE_MAX_BYTES,
				   .all_max_bytes = RUDP_QLOG_ALL_MAX_BYTES};
	rudp_list_init(&qlog->waiting);
	rudp_list_init(&qlog->full);
	if (!*directory)
		return 0;
	clock_gettime(CLOCK_REALTIME, &wall);
	qlog->wall_ahead_ns = wall.tv_sec * RUDP_NS_PER_S + wall.tv_nsec - *now_at_ns;
	fd = open_directory(directory);
	if (fd >= 0) {
		qlog->directory_fd = fd;
		return 0;
	}
	rudp_log(RUDP_LOG_ERROR, "RUDP_QLOG: no traces in %s: %s", directory,
		 rudp_qlog_open_error(fd));
	return fd;
}

void rudp_qlog_close(struct rudp_qlog *qlog)
{
	if (qlog->counts.cut_short + qlog->counts.facts_left_out +
	    qlog->counts.connections_left_out)
		rudp_log(RUDP_LOG_WARN,
			 "RUDP_QLOG: %" PRIu64 " traces cut short, %" PRIu64 " facts and %" PRIu64
			 " connections left out",
			 qlog->counts.cut_short, qlog->counts.facts_left_out,
			 qlog->counts.connections_left_out);
	if (qlog->directory_fd >= 0)
		close(qlog->directory_fd);
	qlog->directory_fd = -1;
}

const struct rudp_observer *rudp_qlog_observer(const struct rudp_qlog *qlog)
{
	return qlog->directory_fd >= 0 ? &qlog->observer : NULL;
}

static void write_list(struct rudp_list *list)
{
	while (!rudp_list_is_empty(list))
		write_out(RUDP_LIST_OWNER(list->next, struct trace, link));
}

void rudp_qlog_run(struct rudp_qlog *qlog)
{
	write_list(&qlog->full);
	if (qlog->write_at_ns <= *qlog->now_at_ns)
		rudp_qlog_flush(qlog);
}

void rudp_qlog_flush(struct rudp_qlog *qlog)
{
	write_list(&qlog->full);
	write_list(&qlog->waiting);
	qlog->write_at_ns = RUDP_NEVER;
}

int64_t rudp_qlog_deadline_ns(const struct rudp_qlog *qlog)
{
	return rudp_list_is_empty(&qlog->full) ? qlog->write_at_ns : 0;
}
