/* SPDX-License-Identifier: MIT */
/* grow - makes room for one more element of an array on the heap, which doubles when it is full. */
#ifndef RUDP_BASE_GROW_H
#define RUDP_BASE_GROW_H

#include <stdlib.h>

/* first: the capacity of an array that is NULL yet. false: memory is short, and nothing changed. */
#define RUDP_GROW(array, count, capacity, first)                                                   \
	({                                                                                         \
		__typeof__(capacity) rudp_more = (capacity) ? 2 * (capacity) : (first);            \
		void *rudp_grown = NULL;                                                           \
                                                                                                   \
		if ((count) == (capacity))                                                         \
			rudp_grown = realloc((array), rudp_more * sizeof *(array));                \
		if (rudp_grown) {                                                                  \
			(array) = rudp_grown;                                                      \
			(capacity) = rudp_more;                                                    \
		}                                                                                  \
		(count) < (capacity);                                                              \
	})

#endif
