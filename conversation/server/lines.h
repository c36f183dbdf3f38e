/* SPDX-License-Identifier: MIT */
/*
 * lines - bytes as they come from a connection, cut into lines.
 *
 * Model    a line ends with LF; a CR before it belongs to the end. What lies between reads is kept
 *          only while a line is incomplete or may not be handed over yet, in memory of just that
 *          size: an idle connection keeps nothing.
 * Limits   a line longer than APO_LINE_BYTES_MAX (irc/message.h) is handed over once, cut to one
 *          byte more; the rest of it is skipped, and counted.
 * Threads  one owner at a time.
 */
#ifndef APO_SERVER_LINES_H
#define APO_SERVER_LINES_H

#include <stddef.h>
#include <stdint.h>

struct apo_lines { /* zeroed is right */
	char *kept;
	uint32_t kept_bytes;
	uint32_t skipped_bytes; /* of a line that was too long, up to now; 0: nothing is skipped */
};

/* Moves what is kept to the beginning of bytes, which has room for it. Returns how much. */
size_t apo_lines_restore(struct apo_lines *lines, char *bytes);

/* Keeps len bytes for the next time. Nothing may be kept already. Returns 0 or -ENOMEM. */
int apo_lines_keep(struct apo_lines *lines, const char *bytes, size_t len);

/*
 * Cuts off the beginning of bytes.
 *
 * line     of line_len bytes, in place; NULL: there is nothing to hand over in what was cut off
 * Returns  how many bytes were cut off; 0: no line is complete.
 */
size_t apo_lines_cut(struct apo_lines *lines, const char *bytes, size_t len, const char **line,
		     size_t *line_len);

void apo_lines_fini(struct apo_lines *lines);

#endif
