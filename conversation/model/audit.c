/* SPDX-License-Identifier: MIT */
#include "conversation/model/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/irc/utf8.h"
#include "conversation/model/registry.h"
#include "conversation/model/server_notices.h"
#include "conversation/model/shared.h"

struct apo_audit {
	struct rudp_list entries;
	unsigned count, open_count;
	int64_t last_number;
};

int apo_audit_init(struct apo_model *model)
{
	model->audit = calloc(1, sizeof *model->audit);
	if (!model->audit)
		return -ENOMEM;
	rudp_list_init(&model->audit->entries);
	return 0;
}

const struct rudp_list *apo_audit_entries(const struct apo_model *model)
{
	return &model->audit->entries;
}

static struct apo_audit_entry *entry_of(const struct rudp_list *link)
{
	return RUDP_LIST_OWNER(link, struct apo_audit_entry, link);
}

/* ---- removal ---- */

static void keep(struct apo_model *model, const struct apo_audit_entry *entry, bool is_there)
{
	apo_registry_keep_record(
		model, &(struct apo_registry_record){.kind = is_there ? APO_REGISTRY_AUDIT
								      : APO_REGISTRY_AUDIT_GONE,
						     .list = entry->is_open ? "open" : "closed",
						     .name = entry->action,
						     .reason = entry->text,
						     .number = entry->number,
						     .set_at_s = entry->at_s});
}

void apo_audit_keep_all(struct apo_model *model)
{
	const struct rudp_list *entries = &model->audit->entries, *link;

	for (link = entries->next; link != entries; link = link->next)
		keep(model, entry_of(link), true);
}

static void drop(struct apo_audit *audit, struct apo_audit_entry *entry)
{
	rudp_list_remove(&entry->link);
	audit->count--;
	audit->open_count -= entry->is_open;
	free(entry);
}

static void drop_kept(struct apo_model *model, struct apo_audit_entry *entry)
{
	keep(model, entry, false);
	drop(model->audit, entry);
}

void apo_audit_clear(struct apo_model *model)
{
	while (!rudp_list_is_empty(&model->audit->entries))
		drop(model->audit, entry_of(model->audit->entries.next));
	model->audit->last_number = 0;
}

void apo_audit_fini(struct apo_model *model)
{
	apo_audit_clear(model);
	free(model->audit);
}

/* Makes room for one entry: at most reports_max entries are open reports. */
static void make_room(struct apo_model *model)
{
	struct apo_audit *audit = model->audit;
	struct rudp_list *link = audit->entries.next, *next;

	for (; link != &audit->entries && audit->count >= model->config->audit_max; link = next) {
		next = link->next;
		if (!entry_of(link)->is_open)
			drop_kept(model, entry_of(link));
	}
}

/* ---- adding ---- */

static struct apo_audit_entry *add(struct apo_model *model, const struct apo_audit_entry *value,
				   const char *text)
{
	size_t len = apo_utf8_cut(text, strlen(text), APO_AUDIT_TEXT_BYTES_MAX);
	struct apo_audit_entry *entry = malloc(sizeof *entry + len + 1);

	if (!entry)
		return NULL;
	*entry = *value;
	entry->link = (struct rudp_list){0};
	memcpy(entry->text, text, len);
	entry->text[len] = '\0';
	rudp_list_append(&model->audit->entries, &entry->link);
	model->audit->count++;
	model->audit->open_count += entry->is_open;
	model->audit->last_number = entry->number;
	return entry;
}

static struct apo_audit_entry *note(struct apo_model *model, const char *action, bool is_open,
				    const char *text)
{
	struct apo_audit_entry value = {.number = model->audit->last_number + 1,
					.at_s = apo_wall_s(model),
					.is_open = is_open};
	struct apo_audit_entry *entry = NULL;

	make_room(model);
	snprintf(value.action, sizeof value.action, "%s", action);
	if (model->config->audit_max > 0)
		entry = add(model, &value, text);
	if (entry)
		keep(model, entry, true);
	apo_server_notice(model, apo_notice_of_action(action), "%s: %s", action, text);
	return entry;
}

static void log_note(struct apo_model *model, const char *action, const char *text)
{
	if (model->calls->log)
		model->calls->log(model->of, false, action, text);
}

void apo_audit_note(struct apo_model *model, const char *action, const char *format, ...)
{
	char text[APO_BODY_BYTES_MAX * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_note(model, action, text);
	if (!apo_shared_propose_note(model, action, text))
		(void)note(model, action, false, text);
}

void apo_audit_note_copy(struct apo_model *model, const char *action, const char *text)
{
	(void)note(model, action, false, text);
}

int64_t apo_audit_report(struct apo_model *model, const char *text)
{
	const struct apo_audit_entry *entry;

	if (model->audit->open_count >= model->config->reports_max)
		return 0;
	log_note(model, APO_AUDIT_REPORT, text);
	entry = note(model, APO_AUDIT_REPORT, true, text);
	return entry ? entry->number : 0;
}

bool apo_audit_close(struct apo_model *model, int64_t number)
{
	const struct rudp_list *head = &model->audit->entries, *link;
	struct apo_audit_entry *entry;

	for (link = head->next; link != head; link = link->next) {
		entry = entry_of(link);
		if (entry->number != number || !entry->is_open)
			continue;
		entry->is_open = false;
		model->audit->open_count--;
		keep(model, entry, true);
		return true;
	}
	return false;
}

/* ---- age ---- */

int64_t apo_audit_next_at_ns(const struct apo_model *model)
{
	const struct rudp_list *first = model->audit->entries.next;

	if (first == &model->audit->entries)
		return RUDP_NEVER;
	return apo_wall_due_at_ns(model, entry_of(first)->at_s +
						 model->config->audit_age_ns / RUDP_NS_PER_S);
}

void apo_audit_on_time(struct apo_model *model)
{
	int64_t age_s = model->config->audit_age_ns / RUDP_NS_PER_S;
	struct rudp_list *entries = &model->audit->entries;

	while (!rudp_list_is_empty(entries) &&
	       entry_of(entries->next)->at_s + age_s <= apo_wall_s(model))
		drop_kept(model, entry_of(entries->next));
}

/* ---- store and hand-over ---- */

int apo_audit_read(struct apo_model *model, const struct apo_registry_record *record)
{
	struct apo_audit_entry value = {.number = record->number, .at_s = record->set_at_s};

	if (!record->list || !record->name || !record->reason || !apo_is_word(record->name) ||
	    strlen(record->name) > APO_AUDIT_ACTION_BYTES_MAX ||
	    strlen(record->reason) > APO_AUDIT_TEXT_BYTES_MAX ||
	    record->number <= model->audit->last_number)
		return -EINVAL;
	strcpy(value.action, record->name);
	value.is_open = strcmp(record->list, "open") == 0;
	return add(model, &value, record->reason) ? 0 : -ENOMEM;
}

static void serialize_one(struct apo_state *state, const struct apo_audit_entry *entry)
{
	char action[APO_AUDIT_ACTION_BYTES_MAX + 1], text[APO_AUDIT_TEXT_BYTES_MAX + 1];
	struct apo_registry_record record = {.name = action, .reason = text};
	bool is_open = false;

	if (entry) {
		strcpy(action, entry->action);
		strcpy(text, entry->text);
		record.number = entry->number;
		record.set_at_s = entry->at_s;
		is_open = entry->is_open;
	}
	apo_serializer_i64(state->serializer, &record.number);
	apo_serializer_second(state->serializer, &record.set_at_s);
	apo_serializer_flag(state->serializer, &is_open);
	apo_serializer_string(state->serializer, action, sizeof action);
	apo_serializer_string(state->serializer, text, sizeof text);
	record.list = is_open ? "open" : "closed";
	if (state->serializer->is_reading && state->serializer->ok)
		apo_serializer_expect(state->serializer,
				      apo_audit_read(state->model, &record) == 0);
}

void apo_audit_serialize(struct apo_state *state)
{
	struct apo_audit *audit = state->model->audit;
	const struct rudp_list *link = audit->entries.next;
	int64_t last_number = audit->last_number;
	uint32_t count = audit->count;

	apo_serializer_count(state->serializer, &count, 19);
	for (; count > 0 && state->serializer->ok; count--) {
		serialize_one(state, state->serializer->is_reading ? NULL : entry_of(link));
		link = state->serializer->is_reading ? link : link->next;
	}
	apo_serializer_i64(state->serializer, &last_number);
	apo_serializer_expect(state->serializer, last_number >= audit->last_number);
	if (state->serializer->ok)
		audit->last_number = last_number;
}
