/* SPDX-License-Identifier: MIT */
/*
 * config_open - opens configuration files, also for an engine that may not open them itself.
 *
 * A confined engine (confine.h) asks its supervisor to open files that it cannot reach
 * (proc_read.h). Every other program opens files itself.
 */
#ifndef RUDP_ENGINE_CONFIG_OPEN_H
#define RUDP_ENGINE_CONFIG_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Opens a file or directory for reading, with O_NONBLOCK: opening a FIFO must not block the caller.
 *
 * Returns  a descriptor, or -1 with errno; ETIMEDOUT: another try may succeed.
 */
int rudp_config_open(const char *path);

/* Opens a file to append to it, and for reading; creates it with mode 600. Returns as above. */
int rudp_config_open_append(const char *path);

/*
 * Sets the function that opens files for which open(2) fails with EACCES: for reading, or as
 * rudp_config_open_append() does. It returns a descriptor or -errno. NULL: none.
 */
void rudp_config_open_by(int (*other)(const char *path, bool append));

/*
 * Reads a whole file. *content has a 0 after its *len bytes; the caller frees it, also after an
 * error. Returns 0 or -errno; -EFBIG: the file has more than bytes_max bytes.
 */
int rudp_config_read(int fd, char **content, size_t *len, size_t bytes_max);

/*
 * Reads the first size - 1 bytes of a file of the system, and puts a 0 after them, also after an
 * error. Returns their number, or -errno.
 */
ssize_t rudp_read_text(const char *path, char *text, size_t size);

#endif
