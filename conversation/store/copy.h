/* SPDX-License-Identifier: MIT */
/*
 * copy - copies the database before a node that joins a network replaces its contents.
 *
 * Threads  any, while others use the file: it is the state at the beginning of the call.
 */
#ifndef APO_STORE_COPY_H
#define APO_STORE_COPY_H

#include <limits.h>

#define APO_COPIES_MAX 9 /* of a file; then somebody must remove some */

/* Copies the file to FILE.before-join-N, the first N from 1 that is free; to becomes its name.
 * Returns 0; -EEXIST: there are APO_COPIES_MAX of them; or another negative errno value: there is
 * no copy. */
int apo_store_copy(const char *file, char to[PATH_MAX]);

#endif
