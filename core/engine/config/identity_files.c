/* SPDX-License-Identifier: MIT */
#include "engine/config/identity_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

/* The content of one file. Only the member of that file is used. */
struct content {
	struct rudp_identity *identity;
	struct rudp_known_hosts *known_hosts;
	struct rudp_authorized_keys *authorized_keys;
};

static const size_t bytes_max[RUDP_IDENTITY_FILE_COUNT] = {
	[RUDP_FILE_IDENTITY] = RUDP_IDENTITY_FILE_BYTES_MAX,
	[RUDP_FILE_KNOWN_HOSTS] = RUDP_KNOWN_HOSTS_BYTES_MAX,
	[RUDP_FILE_AUTHORIZED_KEYS] = RUDP_AUTHORIZED_KEYS_BYTES_MAX,
};

static void free_identity(struct rudp_identity *identity)
{
	if (identity)
		rudp_identity_wipe(identity);
	free(identity);
}

static void free_known_hosts(struct rudp_known_hosts *hosts)
{
	if (hosts)
		rudp_known_hosts_fini(hosts);
	free(hosts);
}

static void free_authorized_keys(struct rudp_authorized_keys *keys)
{
	if (keys)
		rudp_authorized_keys_fini(keys);
	free(keys);
}

static void free_content(const struct content *content)
{
	free_identity(content->identity);
	free_known_hosts(content->known_hosts);
	free_authorized_keys(content->authorized_keys);
}

/* Hosts that could not be written count as the last lines of the file. */
static bool parse_known_hosts(const struct rudp_identity_files *files,
			      struct rudp_known_hosts *hosts, const char *bytes, size_t len,
			      const char *path, char *text)
{
	if (!rudp_known_hosts_parse(hosts, bytes, len, path, text))
		return false;
	for (unsigned i = 0; i < files->unsaved_count; i++)
		if (rudp_known_hosts_add(hosts, &files->unsaved[i].addr,
					 files->unsaved[i].public_key) < 0) {
			snprintf(text, RUDP_KEY_TEXT_SIZE,
				 "%.200s: there is no room for the hosts met since", path);
			return false;
		}
	return true;
}

static bool parse(const struct rudp_identity_files *files, enum rudp_identity_file file,
		  struct content *content, const char *bytes, size_t len, const char *path,
		  char *text)
{
	void *memory;

	switch (file) {
	case RUDP_FILE_IDENTITY:
		memory = content->identity = calloc(1, sizeof *content->identity);
		return memory && rudp_identity_parse(content->identity, bytes, len, path, text);
	case RUDP_FILE_KNOWN_HOSTS:
		memory = content->known_hosts = calloc(1, sizeof *content->known_hosts);
		return memory &&
		       parse_known_hosts(files, content->known_hosts, bytes, len, path, text);
	case RUDP_FILE_AUTHORIZED_KEYS:
		memory = content->authorized_keys = calloc(1, sizeof *content->authorized_keys);
		return memory &&
		       rudp_authorized_keys_parse(content->authorized_keys, bytes, len, path, text);
	case RUDP_IDENTITY_FILE_COUNT:
		break;
	}
	return false;
}

static void put_in_force(struct rudp_identity_files *files, enum rudp_identity_file file,
			 const struct content *content)
{
	struct content old = {.identity = NULL};

	switch (file) {
	case RUDP_FILE_IDENTITY:
		old.identity = files->identity;
		files->identity = content->identity;
		break;
	case RUDP_FILE_KNOWN_HOSTS:
		old.known_hosts = files->known_hosts;
		files->known_hosts = content->known_hosts;
		break;
	case RUDP_FILE_AUTHORIZED_KEYS:
		old.authorized_keys = files->authorized_keys;
		files->authorized_keys = content->authorized_keys;
		break;
	case RUDP_IDENTITY_FILE_COUNT:
		break;
	}
	free_content(&old);
}

/* Sets index and stamp of now to those of the first path that exists. */
static void find_file(const struct rudp_identity_place *place, struct rudp_identity_place *now)
{
	static const struct rudp_file_stamp none;

	now->stamp = none;
	for (now->index = 0; now->index < place->count; now->index++) {
		now->stamp = rudp_file_stamp_at(place->paths[now->index]);
		if (!rudp_file_stamp_equal(&now->stamp, &none))
			return;
	}
}

/* Reads the file of a place whose index is set. Returns as rudp_key_content_read() does. */
static int read_content(struct rudp_identity_files *files, enum rudp_identity_file file,
			char **bytes, size_t *len, char *text)
{
	const struct rudp_identity_place *place = &files->places[file];
	enum rudp_key_file_kind kind =
		file == RUDP_FILE_IDENTITY ? RUDP_KEY_FILE_SECRET : RUDP_KEY_FILE_PUBLIC;

	return rudp_key_content_read(bytes, len, place->paths[place->index], kind, bytes_max[file],
				     NULL, text);
}

/* Only the owner chooses the content, so the hash needs no secret key. */
static uint64_t hash_of(const char *bytes, size_t len)
{
	static const uint8_t key[16];

	return rudp_siphash(key, bytes, len);
}

static bool has_changed(struct rudp_identity_files *files, enum rudp_identity_file file)
{
	struct rudp_identity_place *place = &files->places[file], now;
	char *bytes, text[RUDP_KEY_TEXT_SIZE];
	uint64_t content;
	size_t len;

	find_file(place, &now);
	if (now.index != place->index || !rudp_file_stamp_equal(&now.stamp, &place->stamp))
		return true;
	if (place->comparisons_left == 0 || place->index == place->count)
		return false;
	place->comparisons_left--;
	if (read_content(files, file, &bytes, &len, text) < 0)
		return false;
	content = hash_of(bytes, len);
	rudp_key_content_free(bytes, len);
	return content != place->content;
}

/*
 * Reads the file of a place whose index and stamp are set. false: text says why, and what was in
 * force still is.
 */
static bool read_file(struct rudp_identity_files *files, enum rudp_identity_file file, char *text)
{
	struct rudp_identity_place *place = &files->places[file];
	const char *path = place->paths[place->index];
	struct content content = {.identity = NULL};
	char *bytes = NULL;
	size_t len = 0;
	int rc = read_content(files, file, &bytes, &len, text);
	bool ok;

	place->comparisons_left = RUDP_FILE_COMPARISONS;
	if (rc == -ETIMEDOUT) /* without a stamp the file is read again soon */
		place->stamp = (struct rudp_file_stamp){.inode = 0};
	if (rc < 0)
		return false;
	place->content = hash_of(bytes, len);
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: there is no memory for it", path);
	ok = parse(files, file, &content, bytes, len, path, text);
	rudp_key_content_free(bytes, len);
	if (ok)
		put_in_force(files, file, &content);
	else
		free_content(&content);
	return ok;
}

/* Known hosts that are named may be missing: the first contact makes the file. */
static bool may_be_missing(const struct rudp_identity_files *files, enum rudp_identity_file file)
{
	return !files->places[file].named_by || file == RUDP_FILE_KNOWN_HOSTS;
}

/* Whether a file of the place that precedes the one to be read is there, but cannot be examined. */
static bool leads_nowhere(const struct rudp_identity_place *place, char *text)
{
	struct stat st;

	for (unsigned i = 0; i < place->index; i++) {
		const char *path = place->paths[i];

		if (rudp_file_is_missing(path) || stat(path, &st) == 0)
			continue;
		snprintf(text, RUDP_KEY_TEXT_SIZE, "%.200s: is there, but cannot be read: %s", path,
			 strerrordesc_np(errno));
		return true;
	}
	return false;
}

bool rudp_identity_files_load(struct rudp_identity_files *files, char text[RUDP_KEY_TEXT_SIZE])
{
	bool ok = true;

	for (unsigned i = 0; ok && i < RUDP_IDENTITY_FILE_COUNT; i++) {
		struct rudp_identity_place *place = &files->places[i];

		find_file(place, place);
		if (leads_nowhere(place, text)) {
			ok = false;
		} else if (place->index < place->count) {
			ok = read_file(files, i, text);
		} else if (!may_be_missing(files, i)) {
			snprintf(text, RUDP_KEY_TEXT_SIZE, "%s: %.200s: there is no such file",
				 place->named_by, place->paths[0]);
			ok = false;
		}
	}
	for (unsigned i = 0; !ok && i < RUDP_IDENTITY_FILE_COUNT; i++)
		put_in_force(files, i, &(const struct content){.identity = NULL});
	return ok;
}

/* Returns whether what is in force has changed. */
static bool on_vanished(struct rudp_identity_files *files, enum rudp_identity_file file, char *text)
{
	const char *path = files->places[file].paths[0];
	struct rudp_authorized_keys *nobody;

	if (file != RUDP_FILE_AUTHORIZED_KEYS) {
		snprintf(text, RUDP_KEY_TEXT_SIZE,
			 "%.200s: there is no such file any more; what was in force stays so until "
			 "the engine ends",
			 path);
		return false;
	}
	nobody = calloc(1, sizeof *nobody);
	if (nobody)
		put_in_force(files, file, &(const struct content){.authorized_keys = nobody});
	else if (files->authorized_keys)
		rudp_authorized_keys_fini(files->authorized_keys);
	snprintf(text, RUDP_KEY_TEXT_SIZE,
		 "%.200s: there is no such file any more; no peer is authorized", path);
	return true;
}

static bool watch_file(struct rudp_identity_files *files, enum rudp_identity_file file,
		       rudp_key_complain *complain, void *context)
{
	struct rudp_identity_place *place = &files->places[file];
	char text[RUDP_KEY_TEXT_SIZE], all[RUDP_KEY_TEXT_SIZE + 64];
	bool existed = place->index < place->count, changed;

	find_file(place, place);
	if (place->index == place->count) {
		changed = existed && on_vanished(files, file, text);
		if (existed)
			complain(context, text);
		return changed;
	}
	if (read_file(files, file, text))
		return true;
	snprintf(all, sizeof all, "%s; what the file said before stays in force", text);
	complain(context, all);
	return false;
}

bool rudp_identity_files_watch(struct rudp_identity_files *files, rudp_key_complain *complain,
			       void *context)
{
	bool changed = false;

	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		if (has_changed(files, i) && watch_file(files, i, complain, context))
			changed = true;
	return changed;
}

/* Keeps a host that is not in the file. Returns 0, -ENOSPC or -ENOMEM. */
static int keep_unsaved(struct rudp_identity_files *files, const struct rudp_addr *addr,
			const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	struct rudp_unsaved_host *host;

	if (!files->unsaved)
		files->unsaved = calloc(RUDP_IDENTITY_UNSAVED_MAX, sizeof *files->unsaved);
	if (!files->unsaved)
		return -ENOMEM;
	if (files->unsaved_count == RUDP_IDENTITY_UNSAVED_MAX)
		return -ENOSPC;
	host = &files->unsaved[files->unsaved_count++];
	host->addr = *addr;
	memcpy(host->public_key, public_key, sizeof host->public_key);
	return 0;
}

static int write_host(const struct rudp_identity_files *files, const struct rudp_addr *addr,
		      const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	const char *path = rudp_identity_files_path(files, RUDP_FILE_KNOWN_HOSTS);
	char host[RUDP_HOST_TEXT_SIZE], at[RUDP_KEY_TIME_SIZE], comment[64];
	int fd = path ? rudp_known_hosts_open(path) : -ENOENT, rc;

	if (fd < 0)
		return fd;
	snprintf(comment, sizeof comment, "first contact %s", rudp_key_time_format(time(NULL), at));
	rc = rudp_known_hosts_append(fd, rudp_known_hosts_format(addr, host), public_key, comment);
	close(fd);
	return rc;
}

int rudp_identity_files_remember(struct rudp_identity_files *files, const struct rudp_addr *addr,
				 const uint8_t public_key[RUDP_IDENTITY_BYTES])
{
	int saved, rc;

	if (!files->known_hosts)
		files->known_hosts = calloc(1, sizeof *files->known_hosts);
	if (!files->known_hosts)
		return -ENOMEM;
	rc = rudp_known_hosts_add(files->known_hosts, addr, public_key);
	if (rc < 0)
		return rc;
	/* The file is read again at the next check, as it has changed. */
	saved = write_host(files, addr, public_key);
	rc = saved < 0 ? keep_unsaved(files, addr, public_key) : 0;
	return rc < 0 ? rc : saved;
}

void rudp_identity_files_wipe(struct rudp_identity_files *files)
{
	free_identity(files->identity);
	free_known_hosts(files->known_hosts);
	free_authorized_keys(files->authorized_keys);
	free(files->unsaved);
	*files = (struct rudp_identity_files){.identity = NULL};
}
