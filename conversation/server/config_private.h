/* SPDX-License-Identifier: MIT */
/* A configuration file that is being read: config.c takes the lines, config_check.c looks at the
 * whole. */
#ifndef APO_SERVER_CONFIG_PRIVATE_H
#define APO_SERVER_CONFIG_PRIVATE_H

#include <stdio.h>

#include "conversation/server/config_rows.h"

struct apo_config_reading {
	struct apo_config *config;
	const char *file_name;
	FILE *file;
	unsigned line; /* that was read last */
	unsigned complaints;
	apo_complain *complain;
	void *of;
	unsigned lines[APO_CONFIG_ROWS_MAX]; /* where each row of the table was; 0: nowhere */
	unsigned operator_lines[APO_OPERATORS_MAX]; /* where each one's section began */
};

/* line 0: it is about what is not in the file. */
__attribute__((format(printf, 3, 4))) void
apo_config_complain(struct apo_config_reading *reading, unsigned line, const char *format, ...);

/* Where the key stands that such a complaint is about; 0: nowhere. */
unsigned apo_config_line(const struct apo_config_reading *reading, const char *section,
			 const char *key);

/* All has been read: does it fit together, and are the files there that it names? */
void apo_config_check(struct apo_config_reading *reading);

#endif
