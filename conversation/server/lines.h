/* SPDX-License-Identifier: MIT */
/*
 * lines - cuts the bytes of a connection into lines.
 *
 * Model    A line ends with LF; a CR before the LF belongs to the end. Between reads only an
 *          incomplete line, or lines that may not be handed over yet, are kept, in memory of just
 *          that size: an idle connection keeps nothing.
 * Limits   A line longer than APO_LINE_BYTES_MAX (irc/message.h) is handed over once, cut to one
 *          byte more; the rest of it is skipped and counted.
 * Threads  one owner at a time.
 */
#ifndef APO_SERVER_LINES_H
#define APO_SERVER_LINES_H

#include <stddef.h>
#include <stdint.h>

struct apo_lines { /* initialize with zeros */
	char *kept;
	uint32_t kept_bytes;
	/* Bytes skipped so far of a line that is too long; 0: not skipping. */
	uint32_t skipped_bytes;
};

/* Moves the kept bytes to the beginning of bytes, which has room for them. Returns their number. */
size_t apo_lines_restore(struct apo_lines *lines, char *bytes);

/* Keeps len bytes for the next read. Nothing may be kept already. Returns 0 or -ENOMEM. */
int apo_lines_keep(struct apo_lines *lines, const char *bytes, size_t len);

/*
 * Cuts off the beginning of bytes.
 *
 * line     line_len bytes, in place; NULL: the bytes cut off contain no line to hand over
 * Returns  the number of bytes cut off; 0: no line is complete.
 */
size_t apo_lines_cut(struct apo_lines *lines, const char *bytes, size_t len, const char **line,
		     size_t *line_len);

void apo_lines_fini(struct apo_lines *lines);

#endif
