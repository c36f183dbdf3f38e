/* SPDX-License-Identifier: MIT */
/* stamp - writes and reads times in the format of IRCv3 server-time. */
#ifndef APO_STAMP_H
#define APO_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define APO_STAMP_BYTES 25 /* "YYYY-MM-DDThh:mm:ss.sssZ" and its terminator */

/* wall_ms: milliseconds since 1970. Of times outside the years 0 to 9999 it writes the nearest. */
void apo_stamp_write(char to[APO_STAMP_BYTES], int64_t wall_ms);

/* Reads such a time, of the years 1970 to 9999. false: it is not one. */
bool apo_stamp_read(const char *text, int64_t *wall_ms);

/* Reads a duration, 1 second to 100 years: numbers with units, "30m", "1d12h"; the units are s, m,
 * h, d, w and y (365 days). false: it is not one. */
bool apo_duration_read(const char *text, int64_t *seconds);

#endif
