/* SPDX-License-Identifier: MIT */
/* config_private - a configuration file that is being read: config.c reads the lines,
 * config_check.c checks the whole. */
#ifndef APO_SERVER_CONFIG_PRIVATE_H
#define APO_SERVER_CONFIG_PRIVATE_H

#include <stdio.h>

#include "conversation/server/config_rows.h"

struct apo_config_reading {
	struct apo_config *config;
	const char *file_name;
	FILE *file;
	unsigned line; /* the line read last */
	unsigned complaints;
	apo_complain *complain;
	void *of;
	unsigned lines[APO_CONFIG_ROWS_MAX]; /* the line of each row's key; 0: not in the file */
	unsigned operator_lines[APO_OPERATORS_MAX]; /* the first line of each operator's section */
};

/* line 0: the complaint is about something that the file does not contain. */
__attribute__((format(printf, 3, 4))) void
apo_config_complain(struct apo_config_reading *reading, unsigned line, const char *format, ...);

/* The line of the key, for such a complaint; 0: not in the file. */
unsigned apo_config_line(const struct apo_config_reading *reading, const char *section,
			 const char *key);

/* All lines have been read: checks that they fit together and that the files that they name
 * exist. */
void apo_config_check(struct apo_config_reading *reading);

#endif
