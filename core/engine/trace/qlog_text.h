/* SPDX-License-Identifier: MIT */
/*
 * qlog_text - facts of a connection as records of qlog: text in memory, no files.
 *
 * The format is qlog's JSON-SEQ (RFC 7464), version "0.3", with that version's names of events,
 * because it is what the viewer qvis opens; docs/qlog.md tells what is in it. Numbers, fixed words
 * and addresses only, never a byte of the stream.
 *
 * Source   draft-ietf-quic-qlog-main-schema, draft-ietf-quic-qlog-quic-events.
 */
#ifndef RUDP_ENGINE_QLOG_TEXT_H
#define RUDP_ENGINE_QLOG_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/conn/observer.h"

#define RUDP_QLOG_RECORD_MAX_BYTES                                                                 \
	8192 /* all records of one fact; frames beyond are only counted */

/* What a trace has said last: metrics are told when they change. All 0 at the beginning but began.
 */
struct rudp_qlog_said {
	int64_t began_at_ns; /* the trace's time 0 */
	int64_t min_rtt_ns, srtt_ns, latest_rtt_ns, rttvar_ns;
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_spurious;
	uint32_t pto_count, datagram_bytes;
	const char *cc_state; /* NULL: nothing yet */
};

/* Each writes to out, at least RUDP_QLOG_RECORD_MAX_BYTES of room, and returns the length. */

/* The first record. wall_began_ns: time 0 since the epoch. */
size_t rudp_qlog_write_header(char *out, const struct rudp_conn *conn, int64_t wall_began_ns);
/* 0: nothing that is told. */
size_t rudp_qlog_write_fact(char *out, struct rudp_qlog_said *said, const struct rudp_conn *conn,
			    const struct rudp_fact *fact, int64_t now_at_ns);
/* A remark about the trace itself; count stands behind the message. */
size_t rudp_qlog_write_remark(char *out, const struct rudp_qlog_said *said, const char *message,
			      uint64_t count, int64_t now_at_ns);

/* The id by which both ends call the connection: that of its initiator. */
uint64_t rudp_qlog_group_id(const struct rudp_conn *conn);

#endif
