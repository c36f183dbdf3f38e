/* SPDX-License-Identifier: MIT */
/*
 * policy - decides for each connection whether it uses rudp, kernel TCP, or tries both.
 *
 * Rules come from the variable RUDP_POLICY, then from a file. The first matching rule decides. The
 * grammar is in rudp.conf(5). If no rule matches: a connect to port 53 uses TCP; everything else
 * uses rudp if a key is set (clear text would be a downgrade), else auto.
 *
 * A text is accepted as a whole or rejected as a whole. A policy in use is reloaded when its file
 * changes. If the new file has an error, the old rules stay in force.
 *
 * Threads  none: one owner at a time.
 */
#ifndef RUDP_ENGINE_POLICY_H
#define RUDP_ENGINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "engine/config/identity_files.h"

#define RUDP_POLICY_RULES_MAX 1024  /* in one source */
#define RUDP_POLICY_LINES_MAX 65535 /* statements beyond this line are an error */
#define RUDP_POLICY_FILE_BYTES_MAX (256 << 10)
#define RUDP_POLICY_TEXT_SIZE 512
#define RUDP_POLICY_PATH_SIZE 1024
#define RUDP_POLICY_PROGRAM_SIZE 64 /* of a pattern, with its terminating 0 */
#define RUDP_POLICY_WHO_SIZE 264    /* of a list of names, with its terminating 0 */
#define RUDP_POLICY_ANYONE "anyone" /* in place of such a list: no identity is needed */
#define RUDP_POLICY_SYSTEM_FILE "/etc/rudp/rudp.conf"

#define RUDP_POLICY_HEAD_START_NS (250 * INT64_C(1000000))
#define RUDP_POLICY_REMEMBER_NS (600 * INT64_C(1000000000))

enum rudp_way { RUDP_WAY_AUTO, RUDP_WAY_RUDP, RUDP_WAY_TCP };
/*
 * What to do with a host whose key is not known: use it without asking for its key; accept its key
 * and remember it; let the connection wait until a person has answered; or refuse it. The default
 * is TAKE for an engine with an identity or with known hosts, and OFF for others.
 */
enum rudp_first_contact {
	RUDP_CONTACT_OFF,
	RUDP_CONTACT_TAKE,
	RUDP_CONTACT_ASK,
	RUDP_CONTACT_REFUSE
};
/* The fate of open connections that their listener would refuse after a change of the files. */
enum rudp_removed_peers { RUDP_REMOVED_KEEP, RUDP_REMOVED_RESET };
enum rudp_direction { RUDP_DIRECTION_CONNECT, RUDP_DIRECTION_LISTEN };

struct rudp_policy_source;
struct rudp_policy_files;

/*
 * The settings, with type, member and default: the head start of rudp before TCP (in auto); how
 * long the result of a race is remembered; the UDP port (0: that of the connection); session
 * resumption with endpoints that this host has met; second copies of sparse traffic; data in the
 * SYN, if asked for; the two above. policy_words.c has their names and values.
 */
#define RUDP_POLICY_SETTINGS(X)                                                                    \
	X(HEAD_START, int64_t, head_start_ns, RUDP_POLICY_HEAD_START_NS)                           \
	X(REMEMBER, int64_t, remember_ns, RUDP_POLICY_REMEMBER_NS)                                 \
	X(UDP_PORT, uint16_t, udp_port, 0)                                                         \
	X(RESUME, bool, resume, true)                                                              \
	X(TAIL, bool, tail, true)                                                                  \
	X(EARLY, bool, early, false)                                                               \
	X(FIRST_CONTACT, enum rudp_first_contact, first_contact, RUDP_CONTACT_OFF)                 \
	X(REMOVED_PEERS, enum rudp_removed_peers, removed_peers, RUDP_REMOVED_KEEP)

struct rudp_policy_settings {
#define RUDP_POLICY_MEMBER(name, type, member, value) type member;
	RUDP_POLICY_SETTINGS(RUDP_POLICY_MEMBER)
#undef RUDP_POLICY_MEMBER
	bool has_first_contact; /* first_contact is set */
	bool names_programs;    /* by rules; if false, executables need not be looked up */
};

struct rudp_policy {
	struct rudp_policy_settings in_effect;
	struct rudp_policy_source *environment, *file; /* never NULL */
	struct rudp_policy_files *files;
};

struct rudp_policy_question {
	enum rudp_direction direction;
	const struct rudp_addr *addr; /* connect: the peer; listen: the local address */
	const char *program;          /* as in /proc/PID/comm; NULL or empty: not known */
	const char *executable;       /* last component of its path; NULL or empty: not known */
	bool has_key;                 /* then the default is rudp */
};

struct rudp_decision {
	enum rudp_way way;
	bool early;             /* data may travel with the SYN, though not asked for */
	bool requires_identity; /* the peer must prove a key of its own */
	/*
	 * connect: how the known hosts call the peer; listen: names and groups of authorized keys,
	 * separated by commas, or RUDP_POLICY_ANYONE. NULL: the rule does not say. Valid until a
	 * reload.
	 */
	const char *who;
	unsigned line;      /* of the rule in its source; 0: no rule matched */
	const char *source; /* "RUDP_POLICY" or a path, until a reload; NULL: no rule */
};

/* A policy without rules, with default settings. NULL: out of memory. */
struct rudp_policy *rudp_policy_new(void);
void rudp_policy_free(struct rudp_policy *policy);

/*
 * Parses text and replaces the rules and settings of one source: those of the environment, which
 * take precedence, or those of the file. name is the prefix of error messages, as in "name:1:17:
 * ...".
 *
 * Returns  false: nothing has changed; error names the line, the column, the wrong word and what
 *          was expected (or says that memory ran out).
 */
bool rudp_policy_parse(struct rudp_policy *policy, bool environment, const char *text, size_t len,
		       const char *name, char error[RUDP_POLICY_TEXT_SIZE]);

/*
 * Loads the policy of an environment: RUDP_POLICY, and one file. The file is the one that
 * RUDP_POLICY_FILE names. Without that variable it is the first that exists of
 * $XDG_CONFIG_HOME/rudp/rudp.conf (default $HOME/.config) and RUDP_POLICY_SYSTEM_FILE. get reads a
 * variable: getenv, or a test's function.
 *
 * Returns  NULL: error says why.
 */
struct rudp_policy *rudp_policy_load(char *(*get)(const char *name),
				     char error[RUDP_POLICY_TEXT_SIZE]);

/* The candidate files for rules, from index 0 on; the first that exists is used. NULL: no more. */
const char *rudp_policy_file_path(const struct rudp_policy *policy, unsigned index);

/* Reads the file again even if it has not changed. false: nothing has changed, error says why. */
bool rudp_policy_reload(struct rudp_policy *policy, char error[RUDP_POLICY_TEXT_SIZE]);

/*
 * To be called before a decision. Checks the file at most once a second and reloads it if it has
 * changed. An error in the file is logged once for each change. policy may be NULL. Returns true if
 * the rules are new.
 */
bool rudp_policy_refresh(struct rudp_policy *policy, int64_t now_ns);

/* In these functions a NULL policy means no rules and default settings. */
struct rudp_decision rudp_policy_decide(const struct rudp_policy *policy,
					const struct rudp_policy_question *question);
const struct rudp_policy_settings *rudp_policy_settings(const struct rudp_policy *policy);
/* The path that a setting gives to this file; NULL: none. Valid until a reload. */
const char *rudp_policy_identity_path(const struct rudp_policy *policy,
				      enum rudp_identity_file file);

/*
 * Finds the next rule, in order, that lets connections to or from other hosts use TCP, which is
 * clear text. *index is 0 at first; it is advanced past the rule. Returns false if there are no
 * more.
 */
bool rudp_policy_next_clear(const struct rudp_policy *policy, unsigned *index,
			    struct rudp_decision *rule);

/* "2 rules in RUDP_POLICY, 5 rules in /etc/rudp/rudp.conf, head-start 250ms, ..."; returns text. */
char *rudp_policy_describe(const struct rudp_policy *policy, char *text, size_t size);

#endif
