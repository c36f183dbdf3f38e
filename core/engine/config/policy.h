/* SPDX-License-Identifier: MIT */
/*
 * policy - which connections are rudp, which are kernel TCP, and which are tried.
 *
 * Rules come from RUDP_POLICY and then from a file; the first that matches decides. The grammar is
 * rudp.conf(5). What no rule decides: connect to port 53 is tcp; the rest is rudp where a key is set
 * (clear text would be a downgrade), else auto.
 *
 * A text is taken as a whole or not at all. A policy follows its file while it is in use; a file that
 * has become wrong changes nothing.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_POLICY_H
#define RUDP_ENGINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define RUDP_POLICY_RULES_MAX 1024          /* of one source */
#define RUDP_POLICY_LINES_MAX 65535         /* that have statements; what a decision can name */
#define RUDP_POLICY_FILE_BYTES_MAX (256 << 10)
#define RUDP_POLICY_TEXT_SIZE 512
#define RUDP_POLICY_PATH_SIZE 1024
#define RUDP_POLICY_PROGRAM_SIZE 64         /* of a pattern, with its 0 */
#define RUDP_POLICY_SYSTEM_FILE "/etc/rudp/rudp.conf"

#define RUDP_POLICY_HEAD_START_NS (250 * INT64_C(1000000))
#define RUDP_POLICY_REMEMBER_NS (600 * INT64_C(1000000000))

enum rudp_way { RUDP_WAY_AUTO, RUDP_WAY_RUDP, RUDP_WAY_TCP };
enum rudp_direction { RUDP_DIRECTION_CONNECT, RUDP_DIRECTION_LISTEN };

struct rudp_policy_source;
struct rudp_policy_files;

struct rudp_policy {
	int64_t head_start_ns;        /* of rudp before TCP, in auto */
	int64_t remember_ns;          /* how long the result of a race holds; 0: not at all */
	uint16_t udp_port;            /* 0: that of the connection */
	bool resume;                  /* endpoints that have met use what they know of each other */
	bool tail;                    /* sparse traffic is protected by second copies */
	bool early;                   /* data may travel with the SYN, where a program or a rule asks */
	bool names_programs;          /* a rule does: without one nobody needs to know an executable */

	struct rudp_policy_source *environment, *file; /* never NULL */
	struct rudp_policy_files *files;
};

struct rudp_policy_question {
	enum rudp_direction direction;
	const struct rudp_addr *addr; /* connect: the peer; listen: the local address */
	const char *program;          /* as /proc/PID/comm says; NULL or empty: not known */
	const char *executable;       /* last part of its path; NULL or empty: not known */
	bool has_key;                 /* what no rule decides is rudp then */
};

struct rudp_decision {
	enum rudp_way way;
	bool early;                   /* data may travel with the SYN, though no program asks for it */
	unsigned line;                /* of the rule, in its source; 0: no rule matched */
	const char *source;           /* "RUDP_POLICY" or a path, NULL with line 0; until a reload */
};

/* No rules, default settings. NULL: no memory. */
struct rudp_policy *rudp_policy_new(void);
void rudp_policy_free(struct rudp_policy *policy);

/*
 * Makes text what one source says, in place of what it said before: that of the environment, whose rules
 * and settings go first, or that of the file. name stands before the errors, as in "name:1:17: ...".
 *
 * Returns  false: nothing has changed, error says the line, the column, what stands there and what was
 *          expected (or that there is no memory).
 */
bool rudp_policy_parse(struct rudp_policy *policy, bool environment, const char *text, size_t len,
		       const char *name, char error[RUDP_POLICY_TEXT_SIZE]);

/*
 * The policy of an environment: RUDP_POLICY, and the file that RUDP_POLICY_FILE names, or else the first
 * that exists of $XDG_CONFIG_HOME/rudp/rudp.conf ($HOME/.config without that) and
 * RUDP_POLICY_SYSTEM_FILE. Reads the variables with get (getenv, or a test's own).
 *
 * Returns  NULL: error says why.
 */
struct rudp_policy *rudp_policy_load(char *(*get)(const char *name),
				     char error[RUDP_POLICY_TEXT_SIZE]);

/* The files that rules are read from, from index 0 on: the first that is there. NULL: no more. */
const char *rudp_policy_file_path(const struct rudp_policy *policy, unsigned index);

/* Reads the file again, whatever it may be by now. false: nothing has changed, error says why. */
bool rudp_policy_reload(struct rudp_policy *policy, char error[RUDP_POLICY_TEXT_SIZE]);

/*
 * Before a decision: looks at the file, at most once a second, and reloads where it has changed. What is
 * wrong with it is said in the log, once for each change. policy may be NULL.
 */
void rudp_policy_refresh(struct rudp_policy *policy, int64_t now_ns);

/* policy may be NULL in both: no rules, default settings. */
struct rudp_decision rudp_policy_decide(const struct rudp_policy *policy,
					const struct rudp_policy_question *question);
int64_t rudp_policy_head_start_ns(const struct rudp_policy *policy);
int64_t rudp_policy_remember_ns(const struct rudp_policy *policy);
uint16_t rudp_policy_udp_port(const struct rudp_policy *policy);
bool rudp_policy_resume(const struct rudp_policy *policy);
bool rudp_policy_tail(const struct rudp_policy *policy);
bool rudp_policy_early(const struct rudp_policy *policy);
bool rudp_policy_names_programs(const struct rudp_policy *policy);

/*
 * The next rule, in order, that lets connections to or from other hosts go over TCP, which is clear
 * text. *index is 0 at first, and moves behind the rule. false: there are no more.
 */
bool rudp_policy_next_clear(const struct rudp_policy *policy, unsigned *index,
			    struct rudp_decision *rule);

/* "2 rules in RUDP_POLICY, 5 rules in /etc/rudp/rudp.conf, head-start 250ms, ..."; returns text. */
char *rudp_policy_describe(const struct rudp_policy *policy, char *text, size_t size);

#endif
