/* SPDX-License-Identifier: MIT */
/*
 * doctor - what rudp doctor looks at. Each check adds one finding or more to the report.
 *
 * Threads  one.
 */
#ifndef RUDP_TOOLS_DOCTOR_H
#define RUDP_TOOLS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "api/control.h"

#define RUDP_FINDINGS_MAX 64
#define RUDP_FINDING_TEXT_SIZE 640
#define RUDP_PROGRAM_PATH_SIZE 64

/* name, word */
#define RUDP_VERDICTS_OF_DOCTOR(X)                                                                 \
	X(OK, "ok")                                                                                \
	X(NOTE, "note") /* good to know */                                                         \
	X(WARN, "warn") /* works, but worse than it could */                                       \
	X(FAIL, "fail") /* does not work */

#define RUDP_DOCTOR_ENUM(name, word) RUDP_DOCTOR_##name,
enum rudp_doctor_verdict { RUDP_VERDICTS_OF_DOCTOR(RUDP_DOCTOR_ENUM) };
#undef RUDP_DOCTOR_ENUM

struct rudp_finding {
	enum rudp_doctor_verdict verdict;
	const char *check;                   /* a short name, the same in every version */
	char text[RUDP_FINDING_TEXT_SIZE];   /* what is so */
	char remedy[RUDP_FINDING_TEXT_SIZE]; /* the command that mends it; empty: none */
};

struct rudp_report {
	struct rudp_finding findings[RUDP_FINDINGS_MAX];
	unsigned count;
};

/* Adds a finding; remedy may be NULL. Returns it. Beyond the maximum the last one is overwritten. */
struct rudp_finding *rudp_report_add(struct rudp_report *report, enum rudp_doctor_verdict verdict,
				     const char *check, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* doctor_system.c: kernel, limits, confinement, processor, clock. */
void rudp_doctor_kernel(struct rudp_report *report);
void rudp_doctor_limits(struct rudp_report *report);
void rudp_doctor_confinement(struct rudp_report *report);
void rudp_doctor_machine(struct rudp_report *report);

/* doctor_network.c: buffers, offloads, firewall. */
void rudp_doctor_network(struct rudp_report *report);
/* Why offload over loopback does not work; NULL: it does. */
const char *rudp_doctor_try_offload(void);

bool rudp_doctor_find_program(const char *name, char path[RUDP_PROGRAM_PATH_SIZE]);

/* doctor_firewall.c */
/* What keeps datagrams of the size of a SYN from crossing loopback, both ways; NULL: they do. */
const char *rudp_doctor_try_udp(void);
/* Adds the failed self-test to the report, with the rule that drops or rejects UDP where it is found. */
void rudp_doctor_explain_filter(struct rudp_report *report, const char *fault);

/* doctor_rudp.c: files, versions, settings; and a connection through an engine of its own. */
void rudp_doctor_files(struct rudp_report *report);
void rudp_doctor_settings(struct rudp_report *report);
void rudp_doctor_self_test(struct rudp_report *report);
/* What this very command does under the shim; its exit code. */
int rudp_doctor_self_test_child(void);

/* doctor_engines.c: what the running engines have given up; one of them. */
void rudp_doctor_engines(struct rudp_report *report);
void rudp_doctor_engine(struct rudp_report *report, const struct rudp_control_engine *engine);

/*
 * Runs a command to its end, or kills it after some seconds. out gets what it wrote to stdout and
 * stderr, cut to size, without the last newline. environment NULL: that of this process.
 *
 * Returns  its exit code; -ETIMEDOUT; -EINTR: a signal has ended it; -errno: it could not be started.
 */
int rudp_capture(char *const command[], char *const environment[], char *out, size_t size);

/* The first line of a file, without its newline. false: not readable. */
bool rudp_read_line(const char *path, char *line, size_t size);

#endif
