/* SPDX-License-Identifier: MIT */
/* Registered channels on disk, and the thread that writes them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "conversation/server/registry_thread.h"
#include "server/history_file.h"

static struct history_file file;
static struct apo_registry_db *registry;
static struct apo_registry_thread thread;
static struct apo_mailbox box;
static char reason[256], read_text[2048];

static void open_registry(void)
{
	registry = apo_registry_db_open(file.path, reason, sizeof reason);
	cr_assert(ne(ptr, registry, NULL), "%s", reason);
}

static void begin(void)
{
	memset(&file, 0, sizeof file);
	history_file_make(&file);
	cr_assert(eq(int, apo_mailbox_init(&box), 0));
	open_registry();
}

static void end(void)
{
	if (registry)
		apo_registry_db_close(registry);
	apo_mailbox_fini(&box);
	history_file_close(&file);
	history_file_open(&file);
	history_file_remove(&file);
}

TestSuite(registry, .init = begin, .fini = end);

static struct apo_registry_record channel(const char *name, const char *founder, const char *topic)
{
	return (struct apo_registry_record){.kind = APO_REGISTRY_CHANNEL,
					    .channel = name,
					    .name = name,
					    .by = founder,
					    .modes = "nt",
					    .topic = topic,
					    .topic_by = topic ? "a!b@c" : NULL,
					    .limit = 7,
					    .set_at_s = 1,
					    .created_at_s = 2,
					    .used_at_s = 3,
					    .topic_at_s = 4};
}

static struct apo_registry_record entry(const char *name, const char *list, const char *mask)
{
	return (struct apo_registry_record){.kind = APO_REGISTRY_ENTRY,
					    .channel = name,
					    .list = list,
					    .name = mask,
					    .by = "dan",
					    .set_at_s = 5};
}

static void write_record(struct apo_registry_record record)
{
	cr_assert(eq(int, apo_registry_db_begin(registry), 0));
	cr_assert(eq(int, apo_registry_db_write(registry, &record), 0));
	cr_assert(eq(int, apo_registry_db_commit(registry), 0));
}

static int note(void *of, const struct apo_registry_record *record)
{
	size_t len = strlen(read_text);

	(void)of;
	if (record->kind == APO_REGISTRY_CHANNEL)
		snprintf(read_text + len, sizeof read_text - len, "%s by %s +%s %u [%s]%.*s; ",
			 record->name, record->by ? record->by : "nobody", record->modes,
			 record->limit, record->topic ? record->topic : "",
			 record->public_from == 9 ? 7 : 0, " public");
	else if (record->kind == APO_REGISTRY_AUDIT)
		snprintf(read_text + len, sizeof read_text - len, "%ld %s %s %ld [%s]; ",
			 (long)record->number, record->list, record->name, (long)record->set_at_s,
			 record->reason);
	else if (record->kind == APO_REGISTRY_ACCOUNT)
		snprintf(read_text + len, sizeof read_text - len, "%s %ld [%s]; ", record->name,
			 (long)record->number, record->reason);
	else if (record->kind == APO_REGISTRY_KEY)
		snprintf(read_text + len, sizeof read_text - len, "%s has %s; ", record->by,
			 record->name);
	else if (record->kind == APO_REGISTRY_BAN)
		snprintf(read_text + len, sizeof read_text - len, "%s %s by %s %ld to %ld [%s]; ",
			 record->list, record->name, record->by, (long)record->set_at_s,
			 (long)record->ends_at_s, record->reason);
	else
		snprintf(read_text + len, sizeof read_text - len, "%s+%s %s; ", record->channel,
			 record->list, record->name);
	return 0;
}

static void reads(const char *text)
{
	apo_registry_db_close(registry);
	open_registry();
	read_text[0] = '\0';
	cr_assert(eq(int, apo_registry_db_read(registry, note, NULL), 0));
	cr_assert(eq(str, read_text, (char *)text));
}

Test(registry, records_are_there_after_opening_again)
{
	write_record(channel("#a", "dan", "topic"));
	write_record(entry("#a", "b", "bad!*@*"));
	write_record(entry("#a", "o", "eve"));
	write_record(channel("#b", "eve", NULL));
	reads("#a by dan +nt 7 [topic]; #a+b bad!*@*; #a+o eve; #b by eve +nt 7 []; ");
}

Test(registry, a_channel_keeps_from_where_its_history_is_public)
{
	struct apo_registry_record record = channel("#a", "dan", NULL);

	record.public_from = 9;
	write_record(record);
	reads("#a by dan +nt 7 [] public; ");
	record.public_from = 0;
	write_record(record);
	reads("#a by dan +nt 7 []; ");
}

Test(registry, writing_again_replaces)
{
	write_record(channel("#a", "dan", NULL));
	write_record(entry("#a", "b", "bad!*@*"));
	write_record(channel("#a", "eve", "other"));
	write_record(entry("#a", "b", "BAD!*@*"));
	reads("#a by eve +nt 7 [other]; #a+b bad!*@*; ");
}

Test(registry, what_is_gone_is_not_read)
{
	struct apo_registry_record gone = entry("#a", "b", "Bad!*@*");

	write_record(channel("#a", "dan", NULL));
	write_record(entry("#a", "b", "bad!*@*"));
	gone.kind = APO_REGISTRY_ENTRY_GONE;
	write_record(gone);
	reads("#a by dan +nt 7 []; ");
	write_record(entry("#a", "e", "good!*@*"));
	write_record(
		(struct apo_registry_record){.kind = APO_REGISTRY_CHANNEL_GONE, .channel = "#a"});
	reads("");
	write_record(entry("#a", "e", "good!*@*"));
	write_record(channel("#a", "dan", NULL));
	reads("#a by dan +nt 7 []; ");
}

Test(registry, an_account_of_the_same_name_inherits_nothing)
{
	write_record(channel("#a", "eve", NULL));
	write_record(entry("#a", "o", "dan"));
	cr_assert(eq(int, apo_account_remove(file.store, "eve"), 0));
	cr_assert(eq(int, apo_account_remove(file.store, "dan"), 0));
	cr_assert(eq(int, apo_account_add(file.store, "eve", HASH, 1), 0));
	cr_assert(eq(int, apo_account_add(file.store, "dan", HASH, 1), 0));
	reads("#a by nobody +nt 7 []; ");
}

static struct apo_registry_record ban(const char *kind, const char *target, const char *why)
{
	return (struct apo_registry_record){.kind = APO_REGISTRY_BAN,
					    .list = kind,
					    .name = target,
					    .by = "root",
					    .reason = why,
					    .set_at_s = 6,
					    .ends_at_s = 7};
}

Test(registry, bans_are_read_before_channels)
{
	struct apo_registry_record gone = ban("x", "SPAM", NULL);

	write_record(channel("#a", "dan", NULL));
	write_record(ban("d", "192.0.2.0/24", "no"));
	write_record(ban("x", "spam", "no"));
	write_record(ban("k", "spam", "no"));
	write_record(ban("x", "Spam", "other"));
	reads("d 192.0.2.0/24 by root 6 to 7 [no]; x spam by root 6 to 7 [other]; "
	      "k spam by root 6 to 7 [no]; #a by dan +nt 7 []; ");
	gone.kind = APO_REGISTRY_BAN_GONE;
	gone.by = NULL;
	write_record(gone);
	reads("d 192.0.2.0/24 by root 6 to 7 [no]; k spam by root 6 to 7 [no]; "
	      "#a by dan +nt 7 []; ");
}

static struct apo_registry_record audit(int64_t number, const char *list)
{
	return (struct apo_registry_record){.kind = APO_REGISTRY_AUDIT,
					    .number = number,
					    .list = list,
					    .name = "report",
					    .reason = "why",
					    .set_at_s = 8};
}

Test(registry, entries_of_the_audit_log_are_replaced_and_removed)
{
	struct apo_registry_record gone = audit(2, "closed");

	write_record(audit(2, "closed"));
	write_record(audit(10, "open"));
	write_record(audit(3, "open"));
	write_record(audit(3, "closed"));
	reads("2 closed report 8 [why]; 3 closed report 8 [why]; 10 open report 8 [why]; ");
	gone.kind = APO_REGISTRY_AUDIT_GONE;
	write_record(gone);
	reads("3 closed report 8 [why]; 10 open report 8 [why]; ");
}

static void keep(struct apo_registry_record record)
{
	apo_registry_thread_keep(&thread, &record);
}

Test(registry, the_thread_writes_in_order)
{
	cr_assert(eq(int, apo_registry_thread_init(&thread, &box, registry), 0));
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	keep(channel("#a", "dan", "first"));
	keep(entry("#a", "b", "bad!*@*"));
	apo_batcher_flush(&thread.batcher);
	keep(channel("#a", "dan", "second"));
	cr_assert(apo_registry_thread_pause(&thread));
	cr_assert(eq(u64, thread.kept, 3));
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	keep(entry("#a", "q", "quiet!*@*"));
	apo_registry_thread_stop(&thread);
	open_registry();
	reads("#a by dan +nt 7 [second]; #a+b bad!*@*; #a+q quiet!*@*; ");
}

/* Changes that could not be written wait, and a hand-over is refused meanwhile. */
Test(registry, a_locked_database_loses_nothing)
{
	sqlite3 *other;

	cr_assert(eq(int, apo_sql_open(file.path, &other), SQLITE_OK));
	cr_assert(eq(int, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(int, apo_registry_thread_init(&thread, &box, registry), 0));
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	keep(channel("#a", "dan", NULL));
	cr_assert(not(apo_registry_thread_pause(&thread)));
	cr_assert(ge(u64, thread.failures, 1));
	cr_assert(eq(int, sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK));
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	cr_assert(apo_registry_thread_pause(&thread));
	apo_registry_thread_stop(&thread);
	sqlite3_close(other);
	open_registry();
	reads("#a by dan +nt 7 []; ");
}

/* ---- a node of a network ---- */

static struct apo_registry_record account(const char *name, int64_t id)
{
	return (struct apo_registry_record){.kind = APO_REGISTRY_ACCOUNT,
					    .name = name,
					    .number = id,
					    .reason = "hash",
					    .set_at_s = 9};
}

static struct apo_registry_record key(const char *fingerprint, int64_t id)
{
	return (struct apo_registry_record){
		.kind = APO_REGISTRY_KEY, .name = fingerprint, .number = id, .set_at_s = 9};
}

static void reads_accounts(const char *text)
{
	read_text[0] = '\0';
	cr_assert(eq(int, apo_registry_db_read_accounts(registry, note, NULL), 0));
	cr_assert(eq(str, read_text, (char *)text));
}

static void bound(enum apo_registry_kind kind)
{
	keep((struct apo_registry_record){.kind = kind});
}

Test(registry, the_state_of_a_network_replaces_the_file_at_once)
{
	write_record(channel("#old", NULL, NULL));
	cr_assert(eq(int, apo_registry_thread_init(&thread, &box, registry), 0));
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	bound(APO_REGISTRY_ALL_BEGIN);
	keep(account("zoe", 5000));
	cr_assert(not(apo_registry_thread_pause(&thread))); /* nothing is written yet */
	cr_assert(eq(int, apo_registry_thread_start(&thread), 0));
	keep(key("abc", 5000));
	keep(channel("#new", "zoe", NULL));
	bound(APO_REGISTRY_ALL_END);
	keep(account("yan", 6000));
	apo_registry_thread_stop(&thread);
	open_registry();
	reads("#new by zoe +nt 7 []; ");
	reads_accounts("zoe 5000 [hash]; yan 6000 [hash]; zoe has abc; ");
}

Test(registry, an_account_of_a_network_is_known_by_its_id)
{
	struct apo_registry_record gone = account("zoe", 7000);

	write_record(account("zoe", 7000));
	write_record(key("abc", 7000));
	write_record(channel("#a", "zoe", NULL));
	write_record(account("ZOE", 8000)); /* the other one has gone meanwhile */
	reads("#a by nobody +nt 7 []; ");
	gone.kind = APO_REGISTRY_ACCOUNT_GONE;
	write_record(gone); /* comes late */
	read_text[0] = '\0';
	cr_assert(eq(int, apo_registry_db_read_accounts(registry, note, NULL), 0));
	cr_assert(ne(ptr, strstr(read_text, "ZOE 8000 [hash]; "), NULL), "%s", read_text);
	cr_assert(eq(ptr, strstr(read_text, " has "), NULL), "%s", read_text);
}
