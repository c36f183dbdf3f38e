/* SPDX-License-Identifier: MIT */
/*
 * qlog_json - JSON written piece by piece into a buffer, for qlog_*.c only.
 */
#ifndef RUDP_ENGINE_QLOG_JSON_H
#define RUDP_ENGINE_QLOG_JSON_H

#include "engine/trace/qlog_text.h"

/* Sticky, like base/wire.h: after the first text that does not fit ok is false and nothing is
 * added. */
struct rudp_qlog_text {
	char *start, *next, *end;
	bool ok;
};

/* At least RUDP_QLOG_RECORD_MAX_BYTES of room at out. */
struct rudp_qlog_text rudp_qlog_begin(char *out);

/* As they are. */
void rudp_qlog_put_bytes(struct rudp_qlog_text *t, const char *bytes, size_t len);
void rudp_qlog_put(struct rudp_qlog_text *t, const char *words);

/* Values. Times are milliseconds, as qlog counts them, to the microsecond; strings are made
 * harmless. */
void rudp_qlog_put_number(struct rudp_qlog_text *t, uint64_t number);
void rudp_qlog_put_ms(struct rudp_qlog_text *t, int64_t ns);
void rudp_qlog_put_id(struct rudp_qlog_text *t, uint64_t id);
void rudp_qlog_put_string(struct rudp_qlog_text *t, const char *words);

/* Members, with a comma in front of all but the first. */
void rudp_qlog_put_key(struct rudp_qlog_text *t, const char *key);
void rudp_qlog_put_pair(struct rudp_qlog_text *t, const char *key, uint64_t value);
void rudp_qlog_put_word(struct rudp_qlog_text *t, const char *key, const char *word);

/* A record up to the inside of its data, and its end. */
void rudp_qlog_event_begin(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			   const char *name, int64_t now_at_ns);
void rudp_qlog_event_end(struct rudp_qlog_text *t);

/* Of packets (qlog_packet.c). */
void rudp_qlog_put_header(struct rudp_qlog_text *t, enum rudp_packet_type type, uint64_t number);
void rudp_qlog_put_length(struct rudp_qlog_text *t, size_t bytes);
void rudp_qlog_put_packet(struct rudp_qlog_text *t, const struct rudp_qlog_said *said,
			  const char *name, const struct rudp_fact_packet *packet,
			  int64_t now_at_ns);

#endif
