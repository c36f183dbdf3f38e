/* SPDX-License-Identifier: MIT */
/* Lists of keys of metadata, with values or as subscriptions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/model/metadata.h"

#define ITEM_BYTES_MIN 4

bool apo_metadata_key_is_valid(const char *key)
{
	size_t len = strlen(key);

	return len > 0 && len <= APO_METADATA_KEY_BYTES_MAX &&
	       strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_./-") == len;
}

struct apo_metadata *apo_metadata_find(struct apo_metadata *list, const char *key)
{
	while (list && strcmp(list->key, key) != 0)
		list = list->next;
	return list;
}

unsigned apo_metadata_count(const struct apo_metadata *list)
{
	unsigned count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

void apo_metadata_free(struct apo_metadata *list)
{
	struct apo_metadata *next;

	for (; list; list = next) {
		next = list->next;
		free(list->value);
		free(list);
	}
}

void apo_metadata_remove(struct apo_metadata **list, const char *key)
{
	struct apo_metadata *item;

	for (; (item = *list); list = &item->next)
		if (strcmp(item->key, key) == 0) {
			*list = item->next;
			item->next = NULL;
			apo_metadata_free(item);
			return;
		}
}

int apo_metadata_set(struct apo_metadata **list, const char *key, const char *value)
{
	struct apo_metadata *item = apo_metadata_find(*list, key);

	if (item)
		return apo_text_set(&item->value, value);
	item = calloc(1, sizeof *item);
	if (!item || apo_text_set(&item->value, value) < 0) {
		free(item);
		return -ENOMEM;
	}
	snprintf(item->key, sizeof item->key, "%s", key);
	while (*list)
		list = &(*list)->next;
	*list = item;
	return 0;
}

/* ---- for other processes and nodes ---- */

static void serialize_item(struct apo_serializer *serializer, struct apo_metadata **list,
			   const struct apo_metadata *item, bool has_value)
{
	char key[APO_METADATA_KEY_BYTES_MAX + 1], value[APO_METADATA_VALUE_BYTES_MAX + 1] = "";

	if (item) {
		snprintf(key, sizeof key, "%s", item->key);
		if (has_value)
			snprintf(value, sizeof value, "%s", item->value);
	}
	apo_serializer_string(serializer, key, sizeof key);
	if (has_value)
		apo_serializer_string(serializer, value, sizeof value);
	if (item || !serializer->ok)
		return;
	apo_serializer_expect(serializer,
			      apo_metadata_key_is_valid(key) && !apo_metadata_find(*list, key) &&
				      apo_metadata_set(list, key, has_value ? value : NULL) == 0);
}

static void serialize(struct apo_serializer *serializer, struct apo_metadata **list, bool has_value,
		      uint32_t count_max)
{
	const struct apo_metadata *item = *list;
	uint32_t count = apo_metadata_count(item), i;

	apo_serializer_count(serializer, &count, ITEM_BYTES_MIN);
	apo_serializer_expect(serializer, count <= count_max);
	for (i = 0; i < count && serializer->ok; i++) {
		serialize_item(serializer, list, serializer->is_reading ? NULL : item, has_value);
		item = serializer->is_reading ? NULL : item->next;
	}
}

void apo_metadata_serialize(struct apo_serializer *serializer, struct apo_metadata **list)
{
	serialize(serializer, list, true, APO_METADATA_KEYS_MAX);
}

void apo_metadata_serialize_keys(struct apo_serializer *serializer, struct apo_metadata **list)
{
	serialize(serializer, list, false, APO_METADATA_SUBS_MAX);
}
