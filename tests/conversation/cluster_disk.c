/* SPDX-License-Identifier: MIT */
/* The disks of the nodes of cluster_fixture.h, passwords and receipts. */
#include "conversation/cluster_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the disk of a node ---- */

static void drop_line(struct cluster_disk *disk, unsigned i)
{
	free(disk->lines[i]);
	disk->lines[i] = disk->lines[--disk->count];
}

/* Without the part that a change replaces. */
static bool is_about(const char *line, const char *key)
{
	return strncmp(line, key, strlen(key)) == 0;
}

void cluster_drop_lines(struct cluster_disk *disk, const char *key)
{
	unsigned i = 0;

	while (i < disk->count)
		if (is_about(disk->lines[i], key))
			drop_line(disk, i);
		else
			i++;
}

void cluster_add_line(struct cluster_disk *disk, const char *line)
{
	if (disk->count == disk->capacity) {
		disk->capacity = disk->capacity ? 2 * disk->capacity : 64;
		disk->lines = realloc(disk->lines, disk->capacity * sizeof(char *));
	}
	disk->lines[disk->count++] = strdup(line);
}

static void key_of(const struct apo_registry_record *record, char *key, size_t size)
{
	if (record->kind <= APO_REGISTRY_CHANNEL_GONE)
		snprintf(key, size, "channel %s ", record->channel);
	else if (record->kind <= APO_REGISTRY_ENTRY_GONE)
		snprintf(key, size, "entry %s %s %s ", record->channel, record->list, record->name);
	else if (record->kind <= APO_REGISTRY_BAN_GONE)
		snprintf(key, size, "ban %s %s ", record->list, record->name);
	else if (record->kind <= APO_REGISTRY_AUDIT_GONE)
		snprintf(key, size, "audit %ld ", (long)record->number);
	else if (record->kind <= APO_REGISTRY_ACCOUNT_GONE)
		snprintf(key, size, "account %s %ld ", record->name, (long)record->number);
	else
		snprintf(key, size, "key %s %ld ", record->name, (long)record->number);
}

static const char *shown(const char *text)
{
	return text ? text : "-";
}

void cluster_keep_record(void *of, const struct apo_registry_record *record)
{
	struct cluster_disk *disk = &((struct cluster_node *)of)->disk;
	char key[400], line[2000];

	if (record->kind == APO_REGISTRY_ALL_BEGIN)
		cluster_drop_lines(disk, "");
	if (record->kind >= APO_REGISTRY_ALL_BEGIN)
		return;
	key_of(record, key, sizeof key);
	cluster_drop_lines(disk, key);
	if (record->kind == APO_REGISTRY_CHANNEL_GONE) {
		snprintf(key, sizeof key, "entry %s ", record->channel);
		cluster_drop_lines(disk, key);
	}
	if (record->kind ==
	    APO_REGISTRY_ACCOUNT_GONE) { /* the store removes them at its next start */
		snprintf(key, sizeof key, "marker %ld ", (long)record->number);
		cluster_drop_lines(&((struct cluster_node *)of)->history, key);
	}
	if (record->kind % 2) /* it is gone */
		return;
	snprintf(line, sizeof line, "%s%s %s %s %s %s %s %s %u %ld %ld", key, shown(record->name),
		 shown(record->by), shown(record->modes), shown(record->key), shown(record->topic),
		 shown(record->topic_by), shown(record->reason), record->limit,
		 (long)record->set_at_s, (long)record->used_at_s);
	cluster_add_line(disk, line);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_disk(struct cluster_disk *disk)
{
	cluster_drop_lines(disk, "");
	free(disk->lines);
	*disk = (struct cluster_disk){.count = 0};
}

void cluster_drop_disk(struct cluster_node *node)
{
	drop_disk(&node->disk);
	drop_disk(&node->history);
}

static void sort(struct cluster_disk *disk)
{
	if (disk->count > 0)
		qsort(disk->lines, disk->count, sizeof(char *), compare_lines);
}

static void check_equal(struct cluster_disk *first, struct cluster_disk *disk, const char *name)
{
	unsigned i;

	sort(first);
	sort(disk);
	for (i = 0; i < first->count && i < disk->count; i++)
		cr_assert(eq(str, disk->lines[i], first->lines[i]), "%s", name);
	cr_assert(eq(uint, disk->count, first->count), "%s", name);
}

void cluster_check_disks(struct cluster *cluster)
{
	struct cluster_node *node, *first = NULL;

	for (node = cluster->nodes; node < cluster->nodes + CLUSTER_NODES; node++) {
		if (!cluster_is_live(cluster, node->index))
			continue;
		first = first ? first : node;
		check_equal(&first->disk, &node->disk, node->name);
		check_equal(&first->history, &node->history, node->name);
	}
}

/* ---- passwords ---- */

/* Copies of the model do not ask the owner about accounts. */
void cluster_on_ask(void *of, struct apo_asker asker, enum apo_auth question, const char *about,
		    const char *proof)
{
	struct cluster_node *node = of;

	cr_assert(question == APO_AUTH_PASSWORD || question == APO_AUTH_HASH ||
			  question == APO_AUTH_SECRET,
		  "%d %s %s", (int)question, about, proof);
	node->ticket = asker.ticket;
	snprintf(node->against, sizeof node->against, "%s", about);
	snprintf(node->password, sizeof node->password, "%s", proof);
}

static void on_copy(void *of)
{
	((struct cluster_node *)of)->copies++;
}

void cluster_offer_accounts(struct cluster *cluster)
{
	struct apo_model_calls *calls = &cluster->calls;

	calls->has_accounts = true;
	calls->keep_record = cluster_keep_record;
	calls->keep_copy = on_copy;
	cluster->config.scram = false;
	cluster->config.plain_passwords = cluster->config.open_registration = true;
}

void cluster_check_password(struct cluster *cluster, unsigned index)
{
	struct cluster_node *node = &cluster->nodes[index];
	char hash[220];
	bool is_right;

	snprintf(hash, sizeof hash, "hash-%s", node->password);
	is_right = !node->against[0] || strcmp(node->against, hash) == 0;
	apo_model_on_checked(node->model, node->ticket,
			     is_right ? APO_CHECKED_RIGHT : APO_CHECKED_WRONG,
			     node->against[0] ? NULL : hash, cluster->now_ns);
}

/* The base64 of "NUL account NUL password"; the lengths need no padding in between. */
static void encode(char *to, const char *account, const char *password)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char bytes[200] = {0};
	size_t len = 1 + strlen(account) + 1 + strlen(password), i;

	strcpy((char *)bytes + 1, account);
	strcpy((char *)bytes + 2 + strlen(account), password);
	for (i = 0; i < len; i += 3) {
		*to++ = digits[bytes[i] >> 2];
		*to++ = digits[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
		*to++ = i + 1 < len ? digits[(bytes[i + 1] & 15) << 2 | bytes[i + 2] >> 6] : '=';
		*to++ = i + 2 < len ? digits[bytes[i + 2] & 63] : '=';
	}
	*to = '\0';
}

void cluster_log_in(struct cluster *cluster, unsigned index, unsigned number, const char *account,
		    const char *password)
{
	char plain[400];

	encode(plain, account, password);
	cluster_say(cluster, index, number, "CAP REQ sasl");
	cluster_run(cluster, RUDP_NS_PER_S);
	cluster_say(cluster, index, number, "AUTHENTICATE PLAIN");
	cluster_say(cluster, index, number, "AUTHENTICATE %s", plain);
	cluster_forget(cluster);
	cluster_check_password(cluster, index);
	cluster_run(cluster, RUDP_NS_PER_S);
}

/* ---- receipts ---- */

void cluster_acknowledge(struct cluster *cluster, unsigned index, unsigned client, bool has_arrived)
{
	struct cluster_node *node = &cluster->nodes[index];
	struct cluster_watched watched;
	unsigned i = 0;

	while (i < node->watched_count) {
		watched = node->watched[i];
		if (watched.client != client) {
			i++;
			continue;
		}
		node->watched[i] = node->watched[--node->watched_count];
		apo_model_on_receipt(node->model, watched.watch, watched.recipient, has_arrived,
				     cluster->now_ns);
	}
}
