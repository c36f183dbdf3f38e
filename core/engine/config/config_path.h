/* SPDX-License-Identifier: MIT */
/*
 * config_path - absolute paths of configuration files: the engine reads a file again later, perhaps
 * from another working directory.
 *
 * Each function writes a path. Returns 0; -ENAMETOOLONG: it does not fit.
 */
#ifndef RUDP_ENGINE_CONFIG_PATH_H
#define RUDP_ENGINE_CONFIG_PATH_H

#include <stddef.h>

int rudp_config_join(char *path, size_t size, const char *directory, const char *name);

/* Also returns the error of getcwd(3). */
int rudp_config_absolute(char *path, size_t size, const char *name);

/*
 * $XDG_CONFIG_HOME/rudp/NAME or, without this variable, $HOME/.config/rudp/NAME. get reads a
 * variable. Also returns -ENOENT: neither variable has an absolute directory.
 */
int rudp_config_of_user(char *path, size_t size, char *(*get)(const char *name), const char *name);

#endif
