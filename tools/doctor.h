/* SPDX-License-Identifier: MIT */
/*
 * doctor - the checks of rudp doctor. Each check adds one or more findings to the report.
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

/* Verdict, and the word that is printed. */
#define RUDP_VERDICTS_OF_DOCTOR(X)                                                                 \
	X(OK, "ok")                                                                                \
	X(NOTE, "note") /* information */                                                          \
	X(WARN, "warn") /* works, but with a disadvantage */                                       \
	X(FAIL, "fail") /* does not work */

#define RUDP_DOCTOR_ENUM(name, word) RUDP_DOCTOR_##name,
enum rudp_doctor_verdict { RUDP_VERDICTS_OF_DOCTOR(RUDP_DOCTOR_ENUM) };
#undef RUDP_DOCTOR_ENUM

struct rudp_finding {
	enum rudp_doctor_verdict verdict;
	const char *check;                   /* a short name, the same in every version */
	char text[RUDP_FINDING_TEXT_SIZE];   /* what was found */
	char remedy[RUDP_FINDING_TEXT_SIZE]; /* the command that fixes it; empty: none */
};

struct rudp_report {
	struct rudp_finding findings[RUDP_FINDINGS_MAX];
	unsigned count;
};

/*
 * Adds a finding and returns it. remedy may be NULL. If the report is full, the last one is
 * overwritten.
 */
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

bool rudp_doctor_find_program(const char *name, char path[RUDP_PROGRAM_PATH_SIZE]);

/* doctor_firewall.c */
/*
 * Sends a datagram of the size of a SYN over loopback, in both directions. Returns NULL, or the
 * fault.
 */
const char *rudp_doctor_try_udp(void);
/*
 * Adds the failed self-test to the report, with the firewall rule that drops or rejects UDP if it
 * is found.
 */
void rudp_doctor_explain_filter(struct rudp_report *report, const char *fault);

/* doctor_rudp.c: files, versions, settings; and a test connection through an engine of its own. */
void rudp_doctor_files(struct rudp_report *report);
void rudp_doctor_settings(struct rudp_report *report);
void rudp_doctor_self_test(struct rudp_report *report);
/*
 * The self-test itself, run by another process of this command under the shim. Returns the exit
 * code.
 */
int rudp_doctor_self_test_child(void);

/* doctor_engines.c: the confinement of all running engines, and of one engine. */
void rudp_doctor_engines(struct rudp_report *report);
void rudp_doctor_engine(struct rudp_report *report, const struct rudp_control_engine *engine);

/*
 * Runs a command, found in PATH unless it has a slash, until it ends; after 30 seconds it is
 * killed. out gets the output on stdout and
 * stderr, cut to size, without the last newline. If environment is NULL, the command gets that of
 * this process.
 *
 * Returns  its exit code; -ETIMEDOUT; -EINTR: a signal killed it; -errno: it could not be started.
 */
int rudp_capture(char *const command[], char *const environment[], char *out, size_t size);

/* Reads the first line of a file, without its newline. Returns false if it cannot be read. */
bool rudp_read_line(const char *path, char *line, size_t size);

#endif
