/* SPDX-License-Identifier: MIT */
#include "conversation/server/history_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/log.h"
#include "conversation/server/history_thread_records.h"
#include "conversation/server/records.h"

#define HEAD_BYTES (1 + 8 + 1 + 8 + 8 + 8)

/* Messages between history threads. */
enum kind {
	ASK = 1, /* about rows after first, up to last, with their digest */
	SAME,    /* they are the same here */
	ROWS,    /* these are those after first, up to last */
	BUSY     /* this node is being synchronized itself */
};

struct head {
	uint8_t kind;
	uint64_t id;
	uint8_t table;
	int64_t first, last;
	uint64_t digest; /* of ASK */
};

/* ---- messages ---- */

static void write_head(struct rudp_writer *writer, const struct head *head)
{
	rudp_write_u8(writer, head->kind);
	rudp_write_u64(writer, head->id);
	rudp_write_u8(writer, head->table);
	rudp_write_u64(writer, (uint64_t)head->first);
	rudp_write_u64(writer, (uint64_t)head->last);
	rudp_write_u64(writer, head->digest);
}

static bool read_head(struct rudp_reader *reader, struct head *head)
{
	head->kind = rudp_read_u8(reader);
	head->id = rudp_read_u64(reader);
	head->table = rudp_read_u8(reader);
	head->first = (int64_t)rudp_read_u64(reader);
	head->last = (int64_t)rudp_read_u64(reader);
	head->digest = rudp_read_u64(reader);
	return reader->ok && head->kind >= ASK && head->kind <= BUSY &&
	       head->table <= APO_TABLE_PRESENCES && head->first >= 0 && head->first < head->last;
}

/* The model's thread sends it. Without memory it is lost, and asked for again. */
static void put(struct apo_history_thread *history_thread, const char *name,
		const struct head *head, const void *rows, size_t len)
{
	struct apo_history_peer_mail *mail = calloc(1, sizeof *mail + HEAD_BYTES + len);
	struct rudp_writer writer;

	if (!mail)
		return;
	mail->mail.kind = APO_MAIL_HISTORY_PEER;
	mail->len = HEAD_BYTES + len;
	mail->needed = history_thread->sync.last;
	mail->tries = history_thread->sync.tries;
	snprintf(mail->name, sizeof mail->name, "%s", name);
	writer = rudp_writer(mail->bytes, mail->len);
	write_head(&writer, head);
	rudp_write_bytes(&writer, rows, len);
	apo_mailbox_put(history_thread->answers, &mail->mail);
}

/* ---- the node that asks ---- */

static void ask(struct apo_history_thread *history_thread)
{
	struct apo_history_sync *sync = &history_thread->sync;
	struct head head = {.kind = ASK, .id = sync->id, .table = (uint8_t)sync->table};
	uint8_t *rows = malloc(APO_COPY_BYTES_MAX);
	struct rudp_writer writer = rudp_writer(rows, rows ? APO_COPY_BYTES_MAX : 0);

	sync->repeat_at_ns = rudp_clock_now_ns() + APO_SYNC_REPEAT_NS;
	head.first = sync->first;
	head.last = sync->last;
	if (rows && apo_history_copy(history_thread->history, sync->table, head.first, &head.last,
				     &writer) == 0) {
		head.digest = XXH3_64bits(rows, rudp_writer_len(&writer));
		sync->asked = head.last;
		put(history_thread, "", &head, NULL, 0);
	}
	sync->tries++;
	free(rows);
}

/* Rows after the position come from another log than the network's. */
static int clear(struct apo_history_thread *history_thread)
{
	struct apo_history *history = history_thread->history;
	int64_t last = history_thread->sync.last;
	int error = apo_markers_drop(history);

	if (error == 0)
		error = apo_history_paste(history, APO_TABLE_MESSAGES, last, INT64_MAX, NULL, 0);
	return error ? error
		     : apo_history_paste(history, APO_TABLE_PRESENCES, last, INT64_MAX, NULL, 0);
}

int apo_history_sync_begin(struct apo_history_thread *history_thread, int64_t last)
{
	struct apo_history_sync *sync = &history_thread->sync;

	*sync = (struct apo_history_sync){.is_on = last > 0,
					  .must_clear = true,
					  .id = (uint64_t)rudp_clock_now_ns(),
					  .last = last,
					  .table = APO_TABLE_MESSAGES,
					  .repeat_at_ns = rudp_clock_now_ns()};
	rudp_log(RUDP_LOG_INFO, "history is compared with that of other nodes");
	return clear(history_thread);
}

static void finish(struct apo_history_thread *history_thread)
{
	history_thread->sync.is_on = false;
	/* Soon a transaction writes the parts and redactions that have waited. */
	history_thread->prune_at_ns = rudp_clock_now_ns();
}

static void advance(struct apo_history_thread *history_thread)
{
	struct apo_history_sync *sync = &history_thread->sync;

	sync->first = sync->written;
	sync->tries = 0;
	if (sync->first == sync->last && sync->table == APO_TABLE_PRESENCES) {
		rudp_log(RUDP_LOG_INFO,
			 "history is that of the other nodes pages-replaced=%" PRIu64, sync->pages);
		finish(history_thread);
		return;
	}
	if (sync->first == sync->last) {
		sync->table = APO_TABLE_PRESENCES;
		sync->first = sync->written = 0;
	}
	sync->repeat_at_ns = rudp_clock_now_ns();
}

/* ---- the transaction ---- */

int apo_history_sync_on_writing(struct apo_history_thread *history_thread)
{
	return history_thread->sync.must_clear ? clear(history_thread) : 0;
}

void apo_history_sync_on_written(struct apo_history_thread *history_thread)
{
	struct apo_history_sync *sync = &history_thread->sync;

	sync->must_clear = false;
	if (sync->is_on && sync->written > sync->first)
		advance(history_thread);
}

void apo_history_sync_on_failed(struct apo_history_thread *history_thread)
{
	history_thread->sync.written = history_thread->sync.first;
}

void apo_history_sync_on_time(struct apo_history_thread *history_thread, int64_t now_at_ns)
{
	if (history_thread->sync.is_on && history_thread->sync.repeat_at_ns <= now_at_ns)
		ask(history_thread);
}

void apo_history_sync_on_alone(struct apo_history_thread *history_thread)
{
	if (!history_thread->sync.is_on)
		return;
	rudp_log(RUDP_LOG_WARN, "history may lack messages: no other node has all of it");
	finish(history_thread);
}

/* ---- the node that is asked ---- */

static void answer(struct apo_history_thread *history_thread, const char *name,
		   const struct head *question)
{
	struct head head = *question;
	uint8_t *rows = malloc(APO_COPY_BYTES_MAX);
	struct rudp_writer writer = rudp_writer(rows, rows ? APO_COPY_BYTES_MAX : 0);
	bool is_able = rows && !history_thread->sync.is_on && !history_thread->has_lost_parts;
	size_t len = 0;

	head.kind = BUSY;
	if (is_able && apo_history_copy(history_thread->history, (enum apo_history_table)head.table,
					head.first, &head.last, &writer) == 0) {
		len = rudp_writer_len(&writer);
		head.kind = ROWS;
		if (head.last == question->last && XXH3_64bits(rows, len) == question->digest) {
			head.kind = SAME;
			len = 0;
		}
	} else {
		head.last = question->last;
	}
	put(history_thread, name, &head, rows, len);
	free(rows);
}

static int on_rows(struct apo_history_thread *history_thread, const struct head *head,
		   const struct rudp_reader *rows)
{
	struct apo_history_sync *sync = &history_thread->sync;
	int error;

	if (head->last > sync->last || (head->kind == SAME && head->last != sync->asked))
		return 0;
	if (head->kind == ROWS) {
		error = apo_history_paste(history_thread->history, sync->table, sync->first,
					  head->last, rows->next, rudp_reader_left(rows));
		if (error < 0)
			return error;
		sync->pages++;
	}
	sync->written = head->last;
	return 0;
}

int apo_history_sync_on_peer(struct apo_history_thread *history_thread,
			     const struct apo_record_peer *record)
{
	struct apo_history_sync *sync = &history_thread->sync;
	struct rudp_reader reader = rudp_reader(record->bytes, record->len);
	struct head head;

	if (!read_head(&reader, &head))
		return 0;
	if (head.kind == ASK) {
		answer(history_thread, record->name, &head);
		return 0;
	}
	/* An answer that was overtaken by a repeated question's is about other rows. */
	if (!sync->is_on || head.id != sync->id || head.table != sync->table ||
	    head.first != sync->first || sync->written > sync->first)
		return 0;
	if (head.kind == BUSY) {
		sync->repeat_at_ns = rudp_clock_now_ns() + APO_SYNC_BUSY_NS;
		return 0;
	}
	return on_rows(history_thread, &head, &reader);
}
