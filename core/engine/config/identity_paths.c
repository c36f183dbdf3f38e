/* SPDX-License-Identifier: MIT */
/* Where the files of identities are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/config/identity_files.h"

#define SYSTEM_DIRECTORY "/etc/rudp"

static const struct {
	const char *variable, *setting, *file;
} names[] = {
#define NAMES(name, variable, setting, file) {variable, setting, file},
	RUDP_IDENTITY_FILES(NAMES)
#undef NAMES
};

const char *rudp_identity_file_variable(enum rudp_identity_file file)
{
	return names[file].variable;
}

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

static bool add(struct rudp_identity_place *place, const char *directory, const char *between,
		const char *path, char *text)
{
	int len = snprintf(place->paths[place->count], RUDP_KEY_PATH_SIZE, "%s%s%s", directory,
			   between, path);

	if (len <= 0 || len >= RUDP_KEY_PATH_SIZE)
		return too_long(place, path, text);
	place->count++;
	return true;
}

/* The engine reads the file again later, perhaps from another working directory. */
static bool add_variable(struct rudp_identity_place *place, const char *path, char *text)
{
	char directory[RUDP_KEY_PATH_SIZE];

	if (path[0] == '/')
		return add(place, "", "", path, text);
	if (!getcwd(directory, sizeof directory))
		return too_long(place, path, text);
	return add(place, directory, "/", path, text);
}

static bool add_setting(struct rudp_identity_place *place, const char *path, const char *home,
			char *text)
{
	if (strncmp(path, "~/", 2) != 0)
		return add(place, "", "", path, text);
	if (home && home[0] == '/')
		return add(place, home, "/", path + 2, text);
	snprintf(text, RUDP_KEY_TEXT_SIZE, "%s: %.200s: HOME is not set", place->named_by, path);
	return false;
}

/* XDG Base Directory Specification: a relative directory must be ignored. */
static bool add_defaults(struct rudp_identity_place *place, char *(*get)(const char *name),
			 const char *file, uint32_t uid, char *text)
{
	const char *config = get("XDG_CONFIG_HOME"), *home = get("HOME");

	if (config && config[0] == '/') {
		if (!add(place, config, "/rudp/", file, text))
			return false;
	} else if (home && home[0] == '/' && !add(place, home, "/.config/rudp/", file, text)) {
		return false;
	}
	return uid != 0 || add(place, SYSTEM_DIRECTORY, "/", file, text);
}

static bool find(struct rudp_identity_place *place, enum rudp_identity_file file,
		 char *(*get)(const char *name), const char *set, uint32_t uid, char *text)
{
	const char *variable = get(names[file].variable);

	if (variable && *variable) {
		place->named_by = names[file].variable;
		return add_variable(place, variable, text);
	}
	if (set) {
		place->named_by = names[file].setting;
		return add_setting(place, set, get("HOME"), text);
	}
	return add_defaults(place, get, names[file].file, uid, text);
}

bool rudp_identity_files_place(struct rudp_identity_files *files, char *(*get)(const char *name),
			       const char *const named[RUDP_IDENTITY_FILE_COUNT], uint32_t uid,
			       char text[RUDP_KEY_TEXT_SIZE])
{
	for (unsigned i = 0; i < RUDP_IDENTITY_FILE_COUNT; i++)
		if (!find(&files->places[i], i, get, named ? named[i] : NULL, uid, text))
			return false;
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
