/* SPDX-License-Identifier: MIT */
/* files - the files of the web client (client/), which the Makefile compiles in by embed.sh. */
#ifndef APO_WEB_FILES_H
#define APO_WEB_FILES_H

#include <stddef.h>

struct apo_web_file {
	const char *path; /* "/app.js" */
	const char *type; /* Content-Type */
	const char *tag;  /* ETag, quoted: changes with the content */
	const char *bytes;
	size_t len;
};

extern const struct apo_web_file apo_web_files[];
extern const size_t apo_web_file_count;

#endif
