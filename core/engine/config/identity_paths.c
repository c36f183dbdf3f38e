/* SPDX-License-Identifier: MIT */
/* Finds the files of identities. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/config/config_path.h"
#include "engine/config/identity_files.h"

#define SYSTEM_DIRECTORY "/etc/rudp"

static const struct {
	const char *variable, *setting, *file;
} names[] = {
#define NAMES(name, variable, setting, file) {variable, setting, file},
	RUDP_IDENTITY_FILES(NAMES)
#undef NAMES
};

const char *rudp_identity_file_setting(enum rudp_identity_file file)
{
	return names[file].setting;
}

static bool too_long(const struct rudp_identity_place *place, const char *path, char *text)
{
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%s%s%.200s: its full path has more than %d characters",
		 place->named_by ? place->named_by : "", place->named_by ? ": " : "", path,
		 RUDP_KEY_PATH_SIZE - 1);
	return false;
}

/* rc: of the function that has written the next path, which is that of name. */
static bool add(struct rudp_identity_place *place, int rc, const char *name, char *text)
{
	if (rc < 0)
		return too_long(place, name, text);
	place->count++;
	return true;
}

static bool add_absolute(struct rudp_identity_place *place, const char *path, char *text)
{
	char *to = place->paths[place->count];

	return add(place, rudp_config_absolute(to, RUDP_KEY_PATH_SIZE, path), path, text);
}

static bool add_setting(struct rudp_identity_place *place, const char *path, const char *home,
			char *text)
{
	char *to = place->paths[place->count];

	if (strncmp(path, "~/", 2) != 0)
		return add_absolute(place, path, text);
	if (home && home[0] == '/')
		return add(place, rudp_config_join(to, RUDP_KEY_PATH_SIZE, home, path + 2), path,
			   text);
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%s: %.200s: HOME is not set", place->named_by, path);
	return false;
}

static bool add_defaults(struct rudp_identity_place *place, char *(*get)(const char *name),
			 const char *file, uint32_t uid, char *text)
{
	int rc = rudp_config_of_user(place->paths[0], RUDP_KEY_PATH_SIZE, get, file);

	if (rc != -ENOENT && !add(place, rc, file, text))
		return false;
	rc = rudp_config_join(place->paths[place->count], RUDP_KEY_PATH_SIZE, SYSTEM_DIRECTORY,
			      file);
	return uid != 0 || add(place, rc, file, text);
}

/* The place of a file that no variable names. set: of rudp.conf; NULL: none. */
static bool find(const struct rudp_identity_files *files, enum rudp_identity_file file,
		 const char *set, struct rudp_identity_place *place, char *text)
{
	if (set) {
		*place = (struct rudp_identity_place){.named_by = names[file].setting};
		return add_setting(place, set, files->home, text);
	}
	*place = files->defaults[file];
	return true;
}

static bool is_by_variable(const struct rudp_identity_place *place, enum rudp_identity_file file)
{
	return place->named_by == names[file].variable;
}

bool rudp_identity_files_place(struct rudp_identity_files *files, char *(*get)(const char *name),
			       const char *const named[RUDP_IDENTITY_FILE_COUNT], uint32_t uid,
			       char text[RUDP_KEY_TEXT_SIZE])
{
	const char *home = get("HOME");

	if (home && strlen(home) < sizeof files->home)
		strcpy(files->home, home);
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++) {
		const char *variable = get(names[i].variable);
		bool ok;

		if (!add_defaults(&files->defaults[i], get, names[i].file, uid, text))
			return false;
		if (variable && *variable) {
			files->places[i].named_by = names[i].variable;
			ok = add_absolute(&files->places[i], variable, text);
		} else {
			ok = find(files, i, named ? named[i] : NULL, &files->places[i], text);
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool has_same_paths(const struct rudp_identity_place *a, const struct rudp_identity_place *b)
{
	bool same = a->count == b->count && a->named_by == b->named_by;

	for (unsigned i = 0; same && i < a->count; i++)
		same = strcmp(a->paths[i], b->paths[i]) == 0;
	return same;
}

/* Without a stamp the file counts as changed. A file that is named should exist. */
static void move_to(struct rudp_identity_place *place, const struct rudp_identity_place *to)
{
	bool should_exist = place->index < place->count || to->named_by;

	*place = *to;
	place->index = should_exist ? 0 : to->count;
	place->stamp = (struct rudp_file_stamp){.inode = 0};
}

bool rudp_identity_files_replace(struct rudp_identity_files *files,
				 const char *const named[RUDP_IDENTITY_FILE_COUNT],
				 char text[RUDP_KEY_TEXT_SIZE])
{
	struct rudp_identity_place places[RUDP_IDENTITY_FILE_COUNT];

	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		if (!is_by_variable(&files->places[i], i) &&
		    !find(files, i, named[i], &places[i], text))
			return false;
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		if (!is_by_variable(&files->places[i], i) &&
		    !has_same_paths(&files->places[i], &places[i]))
			move_to(&files->places[i], &places[i]);
	return true;
}

const char *rudp_identity_files_path(const struct rudp_identity_files *files,
				     enum rudp_identity_file file)
{
	const struct rudp_identity_place *place = &files->places[file];

	if (place->count == 0)
		return NULL;
	return place->paths[place->index < place->count ? place->index : 0];
}

bool rudp_identity_files_has(const struct rudp_identity_files *files, const char *path,
			     enum rudp_identity_file *file)
{
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		for (unsigned j = 0; j < files->places[i].count; j++)
			if (strcmp(files->places[i].paths[j], path) == 0) {
				*file = i;
				return true;
			}
	return false;
}
