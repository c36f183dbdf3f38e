/* SPDX-License-Identifier: MIT */
/* REPORT of users; and AUDIT and REPORTS, with which operators read the audit log (audit.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/audit.h"
#include "conversation/model/clients.h"
#include "conversation/model/commands.h"
#include "conversation/model/history_ask.h"
#include "conversation/model/replies.h"
#include "conversation/model/shared.h"
#include "conversation/model/throttle.h"
#include "conversation/model/words.h"

#define ENTRIES_FIRST 20
#define ENTRIES_MAX 500 /* that one AUDIT or REPORTS shows */

/* ---- reading ---- */

static void tell_entry(struct apo_model *model, struct apo_client *client, const char *command,
		       const struct apo_audit_entry *entry)
{
	char stamp[APO_STAMP_BYTES];

	apo_stamp_write(stamp, entry->at_s * 1000);
	apo_standard_reply(model, client, "NOTE", command, "ENTRY", "#%" PRId64 " %s %s: %s",
			   entry->number, stamp, entry->action, entry->text);
}

static bool is_wanted(const struct apo_audit_entry *entry, const char *mask)
{
	char text[APO_AUDIT_ACTION_BYTES_MAX + APO_AUDIT_TEXT_BYTES_MAX + 2];

	snprintf(text, sizeof text, "%s %s", entry->action, entry->text);
	return apo_mask_is_match(mask, text);
}

/* Tells the last entries that match, the oldest first. */
static unsigned tell_last(struct apo_model *model, struct apo_client *client, const char *mask,
			  unsigned max)
{
	const struct rudp_list *head = apo_audit_entries(model), *link = head->prev;
	const struct apo_audit_entry *entry;
	unsigned found = 0, told = 0;

	for (; link != head && found < max; link = link->prev)
		found += is_wanted(RUDP_LIST_OWNER(link, struct apo_audit_entry, link), mask);
	for (link = link->next; link != head && told < found; link = link->next) {
		entry = RUDP_LIST_OWNER(link, const struct apo_audit_entry, link);
		if (is_wanted(entry, mask)) {
			tell_entry(model, client, "AUDIT", entry);
			told++;
		}
	}
	return told;
}

void apo_on_audit(struct apo_model *model, struct apo_client *client,
		  const struct apo_message *message)
{
	unsigned long max =
		message->param_count > 1 ? strtoul(message->params[1], NULL, 10) : ENTRIES_FIRST;
	char mask[APO_BODY_BYTES_MAX + 1];
	unsigned told;

	snprintf(mask, sizeof mask, "*%s*", message->params[0]);
	told = tell_last(model, client, mask, max > ENTRIES_MAX ? ENTRIES_MAX : (unsigned)max);
	apo_standard_reply(model, client, "NOTE", "AUDIT", "END", "End of the audit log: %u", told);
}

/* ---- reports ---- */

static void list_reports(struct apo_model *model, struct apo_client *client)
{
	const struct rudp_list *head = apo_audit_entries(model), *link;
	const struct apo_audit_entry *entry;
	unsigned told = 0;

	for (link = head->next; link != head && told < ENTRIES_MAX; link = link->next) {
		entry = RUDP_LIST_OWNER(link, const struct apo_audit_entry, link);
		if (!entry->is_open)
			continue;
		tell_entry(model, client, "REPORTS", entry);
		told++;
	}
	apo_standard_reply(model, client, "NOTE", "REPORTS", "END", "End of the open reports: %u",
			   told);
}

static void close_report(struct apo_model *model, struct apo_client *client, const char *number,
			 const char *note)
{
	int64_t which = strtoll(number + (*number == '#'), NULL, 10);

	if (!apo_audit_close(model, which)) {
		apo_standard_reply(model, client, "FAIL", "REPORTS", "NO_SUCH_REPORT",
				   "There is no such open report");
		return;
	}
	apo_audit_note(model, "report-closed", "#%" PRId64 " by %s: %s", which, client->nick, note);
	apo_standard_reply(model, client, "NOTE", "REPORTS", "CLOSED", "Closed: #%" PRId64, which);
}

void apo_on_reports(struct apo_model *model, struct apo_client *client,
		    const struct apo_message *message)
{
	if (message->param_count == 0 || strcasecmp(message->params[0], "LIST") == 0)
		list_reports(model, client);
	else if (strcasecmp(message->params[0], "CLOSE") == 0 && message->param_count > 1)
		close_report(model, client, message->params[1], message->params[2]);
	else
		apo_standard_reply(model, client, "FAIL", "REPORTS", "INVALID_PARAMS",
				   "LIST, or CLOSE <number> [<note>]");
}

static void write_client(char *to, size_t size, const struct apo_client *client)
{
	char source[APO_SOURCE_BYTES_MAX + 1];

	apo_client_source(client, source);
	snprintf(to, size, "%s address=%s account=%s", source, client->address,
		 client->account ? client->account : "*");
}

static void fail(struct apo_model *model, struct apo_client *client, const char *code,
		 const char *text)
{
	apo_standard_reply(model, client, "FAIL", "REPORT", code, "%s", text);
}

static void report(struct apo_model *model, struct apo_client *client, const char *target,
		   const char *reason)
{
	const struct apo_client *other = apo_client_named(model, target);
	char text[APO_AUDIT_TEXT_BYTES_MAX + 1], by[256], about[256];
	struct apo_reference message;
	int64_t number;

	if (!other && !apo_msgid_read(target, &message)) {
		fail(model, client, "INVALID_TARGET", "There is no such user, and it is no msgid");
		return;
	}
	if (!apo_shared_is_applying(model) &&
	    !apo_throttle_is_open(model, client, APO_THROTTLE_REPORTS)) {
		fail(model, client, "TOO_MANY_REPORTS",
		     "Too many reports from your address; try again later");
		return;
	}
	if (other)
		write_client(about, sizeof about, other);
	else
		snprintf(about, sizeof about, "msgid=%s", target);
	write_client(by, sizeof by, client);
	snprintf(text, sizeof text, "%s by %s: %s", about, by, reason);
	number = apo_audit_report(model, text);
	if (number == 0) {
		fail(model, client, "TOO_MANY_REPORTS",
		     "There are too many reports; try again later");
		return;
	}
	if (!apo_is_remote(model, client))
		apo_throttle_count(model, client, APO_THROTTLE_REPORTS);
	apo_standard_reply(model, client, "NOTE", "REPORT", "RECEIVED",
			   "The operators of the server have your report: #%" PRId64, number);
}

void apo_on_report(struct apo_model *model, struct apo_client *client,
		   const struct apo_message *message)
{
	char text[APO_BODY_BYTES_MAX + 1];
	char *reason = text;
	const char *target;

	apo_words_join(text, message);
	target = strsep(&reason, " ");
	if (!reason || !*reason)
		apo_reply(model, client, ERR_NEEDMOREPARAMS, "REPORT");
	else
		report(model, client, target, reason);
}
