/* SPDX-License-Identifier: MIT */
/*
 * config_open - opens files of the configuration, also in an engine that may not open them itself.
 *
 * A confined engine (confine.h) has its supervisor open what is out of its reach (proc_look.h);
 * every other program opens files itself.
 */
#ifndef RUDP_ENGINE_CONFIG_OPEN_H
#define RUDP_ENGINE_CONFIG_OPEN_H

/*
 * Opens a file or directory for reading, not blocking: a fifo in its place must not hang the caller.
 *
 * Returns  a descriptor, or -1 with errno; ETIMEDOUT: another try may succeed.
 */
int rudp_config_open(const char *path);

/* Who opens what open(2) refuses with EACCES: gives a descriptor or -errno. NULL: nobody. */
void rudp_config_open_by(int (*other)(const char *path));

#endif
