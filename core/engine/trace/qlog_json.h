/* SPDX-License-Identifier: MIT */
/* qlog_json - writes JSON piece by piece into a buffer; used by qlog_*.c only. */
#ifndef RUDP_ENGINE_QLOG_JSON_H
#define RUDP_ENGINE_QLOG_JSON_H

#include "engine/trace/qlog_text.h"

/* After the first piece that does not fit, ok is false and nothing is added (as in base/wire.h). */
struct rudp_qlog_text {
	char *start, *next, *end;
	bool ok;
};

/* out must have at least RUDP_QLOG_RECORD_MAX_BYTES. */
struct rudp_qlog_text rudp_qlog_begin(char *out);

/* Write bytes unchanged. */
void rudp_qlog_put(struct rudp_qlog_text *t, const char *words);

/*
 * Write values. Times are in milliseconds, as qlog requires, with microsecond precision. In
 * strings, characters that JSON would have to escape become '?'.
 */
void rudp_qlog_put_number(struct rudp_qlog_text *t, uint64_t number);
void rudp_qlog_put_ms(struct rudp_qlog_text *t, int64_t ns);
void rudp_qlog_put_id(struct rudp_qlog_text *t, uint64_t id);
void rudp_qlog_put_string(struct rudp_qlog_text *t, const char *words);

/* Write members of an object, with a comma before all but the first. */
void rudp_qlog_put_key(struct rudp_qlog_text *t, const char *key);
void rudp_qlog_put_pair(struct rudp_qlog_text *t, const char *key, uint64_t value);
void rudp_qlog_put_word(struct rudp_qlog_text *t, const char *key, const char *word);

/* Write the start of a record, up to the content of its "data", and its end. */
void rudp_qlog_event_begin(struct rudp_qlog_text *t, const struct rudp_qlog_reported *reported,
			   const char *name, int64_t now_at_ns);
void rudp_qlog_event_end(struct rudp_qlog_text *t);

/* Write packets (qlog_packet.c). */
void rudp_qlog_put_header(struct rudp_qlog_text *t, enum rudp_packet_type type, uint64_t number);
void rudp_qlog_put_length(struct rudp_qlog_text *t, size_t bytes);
void rudp_qlog_put_packet(struct rudp_qlog_text *t, const struct rudp_qlog_reported *reported,
			  const char *name, const struct rudp_fact_packet *packet,
			  int64_t now_at_ns);

#endif
