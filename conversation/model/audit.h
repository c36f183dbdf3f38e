/* SPDX-License-Identifier: MIT */
/*
 * audit - the log of what operators, services and their victims did: who banned, killed, reported
 * whom. Operators read it with AUDIT; each entry is also a line of the server's log.
 *
 * Model    The model has all entries in memory and passes each change to the owner
 *          (apo_model_calls.keep_record), who writes it to disk. A report of a user is an entry
 *          that is open until an operator closes it.
 * Limits   audit_max entries of the configuration, none older than audit_age_ns; reports_max open
 *          reports. At more entries the oldest one that is no open report is removed.
 */
#ifndef APO_AUDIT_H
#define APO_AUDIT_H

#include "conversation/model/state_private.h"

#define APO_AUDIT_ACTION_BYTES_MAX 31
#define APO_AUDIT_TEXT_BYTES_MAX 800
#define APO_AUDIT_REPORT "report"

struct apo_audit_entry {
	struct rudp_list link; /* in the order of numbers */
	int64_t number, at_s;
	bool is_open;                                /* a report that is not closed */
	char action[APO_AUDIT_ACTION_BYTES_MAX + 1]; /* one word */
	char text[];
};

struct apo_audit;

int apo_audit_init(struct apo_model *model); /* 0 or -ENOMEM */
void apo_audit_fini(struct apo_model *model);

/* Adds an entry, writes it to the log, and tells the operators who want to know (server_notices.h).
 * If memory is short, the entry is missing, but not the line of the log. action is one word. */
void apo_audit_note(struct apo_model *model, const char *action, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds an entry that has been written to the log already, at another node or here. */
void apo_audit_note_copy(struct apo_model *model, const char *action, const char *text);
/* Adds a report. Returns its number; 0: there are too many open ones, or memory is short. */
int64_t apo_audit_report(struct apo_model *model, const char *text);
/* Closes a report. Returns false if there is no such open report. */
bool apo_audit_close(struct apo_model *model, int64_t number);

/* The list of entries (apo_audit_entry.link), the oldest first. */
const struct rudp_list *apo_audit_entries(const struct apo_model *model);

/* A record that the store has kept; in the order of numbers. Returns 0, -EINVAL or -ENOMEM. */
int apo_audit_read(struct apo_model *model, const struct apo_registry_record *record);
/* The owner writes all entries. */
void apo_audit_keep_all(struct apo_model *model);
/* Removes entries that are too old. */
void apo_audit_on_time(struct apo_model *model);
/* Removes all entries, as if there had been none; the store is not told. */
void apo_audit_clear(struct apo_model *model);
int64_t apo_audit_next_at_ns(const struct apo_model *model);
void apo_audit_serialize(struct apo_state *state);

#endif
