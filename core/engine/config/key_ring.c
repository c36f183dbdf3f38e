/* SPDX-License-Identifier: MIT */
#include "engine/config/key_ring.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/config/config_open.h"

struct loading {
	struct rudp_key_ring *ring;
	rudp_key_complain *complain;
	void *context;
	char text[RUDP_KEY_TEXT_SIZE];
};

static bool report_refusal(struct loading *l)
{
	l->ring->has_refused = true;
	l->complain(l->context, l->text);
	return false;
}

static bool refuse(struct loading *l, const char *what)
{
	snprintf(l->text, sizeof l->text, "RUDP_KEY_FILE: %.200s: %s", l->ring->path, what);
	return report_refusal(l);
}

const char *rudp_key_ring_name(const struct rudp_key_ring *ring, unsigned index,
			       char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE])
{
	snprintf(path, RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE, "%s%s%s", ring->path,
		 ring->is_directory ? "/" : "", ring->entries[index].name);
	return path;
}

static bool load_file(struct loading *l, unsigned index)
{
	struct rudp_ring_entry *entry = &l->ring->entries[index];
	char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE];

	if (rudp_key_load(&entry->key, rudp_key_ring_name(l->ring, index, path), l->text))
		return true;
	return report_refusal(l);
}

/* Inserts a name; keeps the first ones in order. false: a name was left out. */
static bool add_name(struct rudp_key_ring *ring, const char *name)
{
	unsigned at = ring->count;
	bool fits = ring->count < RUDP_KEY_FILES_MAX;

	while (at > 0 && strcmp(ring->entries[at - 1].name, name) > 0)
		at--;
	if (at == RUDP_KEY_FILES_MAX)
		return false;
	ring->count += fits;
	for (unsigned i = ring->count - 1; i > at; i--)
		memcpy(ring->entries[i].name, ring->entries[i - 1].name, RUDP_KEY_NAME_SIZE);
	snprintf(ring->entries[at].name, RUDP_KEY_NAME_SIZE, "%s", name);
	return fits;
}

static void list_files(struct loading *l, DIR *directory)
{
	unsigned seen = 0, left_out = 0;
	const struct dirent *entry;

	while (seen++ < RUDP_KEY_ENTRIES_MAX && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && !add_name(l->ring, entry->d_name))
			left_out++;
	if (left_out)
		refuse(l, "has more than 8 files: only the first 8 by name are keys");
}

static bool load_directory(struct loading *l, int fd, const struct stat *st)
{
	DIR *directory;
	unsigned good = 0;

	l->ring->is_directory = true;
	if (!rudp_key_is_private(st, l->ring->path, l->text)) {
		close(fd);
		return report_refusal(l);
	}
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return refuse(l, strerrordesc_np(errno));
	}
	list_files(l, directory);
	closedir(directory);
	for (unsigned i = 0; i < l->ring->count; i++)
		good += load_file(l, i);
	return good > 0 ? true : refuse(l, "there is no usable key in the directory");
}

bool rudp_key_ring_load(struct rudp_key_ring *ring, const char *path, rudp_key_complain *complain,
			void *context)
{
	struct loading l = {.ring = ring, .complain = complain, .context = context};
	struct stat st;
	int fd;

	rudp_key_ring_wipe(ring);
	if (path != ring->path)
		snprintf(ring->path, sizeof ring->path, "%s", path);
	ring->stamp = rudp_file_stamp_at(ring->path);
	ring->is_directory = ring->has_refused = false;
	ring->count = 0;
	fd = rudp_config_open(ring->path);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return load_directory(&l, fd, &st);
	if (fd >= 0)
		close(fd);
	ring->count = 1;
	ring->entries[0].name[0] = 0;
	return load_file(&l, 0);
}

void rudp_key_ring_wipe(struct rudp_key_ring *ring)
{
	for (unsigned i = 0; i < RUDP_KEY_FILES_MAX; i++) {
		explicit_bzero(ring->entries[i].key.psk, RUDP_PSK_BYTES);
		ring->entries[i].key.id = 0;
	}
}

bool rudp_key_ring_is_stale(const struct rudp_key_ring *ring)
{
	char path[RUDP_KEY_PATH_SIZE + RUDP_KEY_NAME_SIZE];
	struct rudp_file_stamp stamp = rudp_file_stamp_at(ring->path);

	if (!rudp_file_stamp_equal(&stamp, &ring->stamp))
		return true;
	for (unsigned i = 0; i < ring->count; i++) {
		stamp = rudp_file_stamp_at(rudp_key_ring_name(ring, i, path));
		if (!rudp_file_stamp_equal(&stamp, &ring->entries[i].key.stamp))
			return true;
	}
	return false;
}

static void ignore(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static bool are_equal(const struct rudp_ring_entry *a, const struct rudp_ring_entry *b)
{
	return strcmp(a->name, b->name) == 0 && a->key.id == b->key.id &&
	       a->key.not_before_s == b->key.not_before_s &&
	       a->key.not_after_s == b->key.not_after_s && a->key.is_revoked == b->key.is_revoked;
}

bool rudp_key_ring_differs(const struct rudp_key_ring *ring)
{
	struct rudp_key_ring now;
	bool is_same;

	rudp_key_ring_load(&now, ring->path, ignore, NULL);
	is_same = now.is_directory == ring->is_directory && now.has_refused == ring->has_refused &&
		  now.count == ring->count;
	for (unsigned i = 0; is_same && i < ring->count; i++)
		is_same = are_equal(&now.entries[i], &ring->entries[i]);
	rudp_key_ring_wipe(&now);
	return !is_same;
}

void rudp_key_ring_revoke(struct rudp_key_ring *ring, uint64_t id)
{
	for (unsigned i = 0; i < ring->count; i++)
		if (ring->entries[i].key.id == id)
			ring->entries[i].key.is_revoked = true;
}

bool rudp_key_ring_has(const struct rudp_key_ring *ring, uint64_t id)
{
	for (unsigned i = 0; i < ring->count; i++)
		if (ring->entries[i].key.id == id)
			return true;
	return false;
}

static bool is_revoked(const struct rudp_key_ring *ring, uint64_t id)
{
	for (unsigned i = 0; i < ring->count; i++)
		if (ring->entries[i].key.id == id && ring->entries[i].key.is_revoked)
			return true;
	return false;
}

static bool is_chosen(const struct rudp_psk *psks, unsigned count, uint64_t id)
{
	for (unsigned i = 0; i < count; i++)
		if (psks[i].id == id)
			return true;
	return false;
}

static bool is_valid(const struct rudp_key *key, int64_t now_s)
{
	return key->id && key->not_before_s <= now_s && now_s < key->not_after_s;
}

/* The newest key that is valid at at_s and not yet among psks; NULL: none. */
static const struct rudp_key *newest(const struct rudp_key_ring *ring, int64_t at_s,
				     const struct rudp_psk *psks, unsigned count)
{
	const struct rudp_key *best = NULL;

	for (unsigned i = 0; i < ring->count; i++) {
		const struct rudp_key *key = &ring->entries[i].key;

		if (is_valid(key, at_s) && !is_revoked(ring, key->id) &&
		    !is_chosen(psks, count, key->id) &&
		    (!best || key->not_before_s >= best->not_before_s))
			best = key;
	}
	return best;
}

unsigned rudp_key_ring_choose(const struct rudp_key_ring *ring, int64_t now_s,
			      struct rudp_psk psks[RUDP_PSKS_MAX])
{
	const int64_t ends_s[] = {now_s, now_s + RUDP_KEY_EARLY_S};
	const struct rudp_key *key;
	unsigned count = 0;

	for (size_t i = 0; i < sizeof ends_s / sizeof ends_s[0]; i++) {
		/* A key that becomes valid later must not be sent. */
		if (i > 0 && count == 0)
			return 0;
		while ((key = newest(ring, ends_s[i], psks, count))) {
			psks[count].id = key->id;
			memcpy(psks[count++].bytes, key->psk, RUDP_PSK_BYTES);
		}
	}
	return count;
}

void rudp_key_ring_explain(const struct rudp_key_ring *ring, int64_t now_s,
			   char text[RUDP_KEY_TEXT_SIZE])
{
	const struct rudp_key *key = &ring->entries[0].key;
	char time[RUDP_KEY_TIME_SIZE];

	if (ring->is_directory)
		snprintf(text, RUDP_KEY_TEXT_SIZE,
			 "RUDP_KEY_FILE: %.200s: none of its keys is valid now ('rudp key list' "
			 "tells when they are)",
			 ring->path);
	else if (!key->id)
		snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: contains no usable key",
			 ring->path);
	else if (key->is_revoked)
		snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: is revoked", ring->path);
	else if (now_s < key->not_before_s)
		snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: is not valid before %s",
			 ring->path, rudp_key_time_format(key->not_before_s, time));
	else
		snprintf(text, RUDP_KEY_TEXT_SIZE, "RUDP_KEY_FILE: %.200s: has expired at %s",
			 ring->path, rudp_key_time_format(key->not_after_s, time));
}

void rudp_key_keep_first(void *text, const char *complaint)
{
	char *kept = text;

	if (kept[0] == 0)
		snprintf(kept, RUDP_KEY_TEXT_SIZE, "%s", complaint);
}

bool rudp_key_load_sent(uint8_t psk[RUDP_PSK_BYTES], const char *path,
			char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_key_ring ring;
	struct rudp_psk psks[RUDP_PSKS_MAX];
	unsigned count = 0;

	text[0] = 0;
	if (rudp_key_ring_load(&ring, path, rudp_key_keep_first, text)) {
		count = rudp_key_ring_choose(&ring, time(NULL), psks);
		if (count == 0 && !ring.has_refused)
			rudp_key_ring_explain(&ring, time(NULL), text);
	}
	if (count > 0)
		memcpy(psk, psks[0].bytes, RUDP_PSK_BYTES);
	explicit_bzero(psks, sizeof psks);
	rudp_key_ring_wipe(&ring);
	return count > 0;
}

const char *rudp_key_without_variable(const char *text)
{
	static const char variable[] = "RUDP_KEY_FILE: ";

	return strncmp(text, variable, sizeof variable - 1) == 0 ? text + sizeof variable - 1
								 : text;
}
