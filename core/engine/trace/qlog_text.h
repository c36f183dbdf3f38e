/* SPDX-License-Identifier: MIT */
/*
 * qlog_text - turns facts of a connection into qlog records: text in memory, no files.
 *
 * The format is JSON-SEQ (RFC 7464), qlog version "0.3", with the event names of that version,
 * because the viewer qvis reads it. docs/qlog.md describes the content: numbers, fixed words and
 * addresses, never a byte of the stream.
 *
 * Source   draft-ietf-quic-qlog-main-schema, draft-ietf-quic-qlog-quic-events.
 */
#ifndef RUDP_ENGINE_QLOG_TEXT_H
#define RUDP_ENGINE_QLOG_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/conn/observer.h"

#define RUDP_QLOG_RECORD_MAX_BYTES                                                                 \
	8192 /* all records of one fact; further frames of a packet are only counted */

/*
 * The values that a trace has reported last: metrics are written only when they change. At the
 * start all are 0 except began_at_ns.
 */
struct rudp_qlog_reported {
	int64_t began_at_ns; /* time 0 of the trace */
	int64_t min_rtt_ns, srtt_ns, latest_rtt_ns, rttvar_ns;
	uint64_t cwnd_bytes, ssthresh_bytes, inflight_bytes, pacing_bytes_per_s;
	uint64_t packets_spurious;
	uint32_t pto_count, datagram_bytes;
	const char *cc_state; /* NULL: not reported yet */
};

/* Each function writes to out, at least RUDP_QLOG_RECORD_MAX_BYTES, and returns the length. */

/* Writes the first record. wall_began_ns: time 0 of the trace, in nanoseconds since the epoch. */
size_t rudp_qlog_write_header(char *out, const struct rudp_conn *conn, int64_t wall_began_ns);
/* Returns 0 if the trace has no record for this fact. */
size_t rudp_qlog_write_fact(char *out, struct rudp_qlog_reported *reported,
			    const struct rudp_conn *conn, const struct rudp_fact *fact,
			    int64_t now_at_ns);
/* Writes a remark about the trace itself: a message and a count. */
size_t rudp_qlog_write_remark(char *out, const struct rudp_qlog_reported *reported,
			      const char *message, uint64_t count, int64_t now_at_ns);

/* The id under which both ends trace the connection: the id that its initiator has chosen. */
uint64_t rudp_qlog_group_id(const struct rudp_conn *conn);

#endif
