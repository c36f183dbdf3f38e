/* SPDX-License-Identifier: MIT */
/*
 * config_values - converts the values of a configuration from text.
 *
 * Returns  NULL, or a static description of the expected value.
 */
#ifndef APO_SERVER_CONFIG_VALUES_H
#define APO_SERVER_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* "10000", "64k", "1M" (1024 each). */
const char *apo_value_number(const char *text, uint64_t *number);
/* "90", "90s", "250ms", "5m", "2h", "30d"; without a unit it is seconds. */
const char *apo_value_span(const char *text, int64_t *span_ns);
/* yes, no, on, off, true, false. */
const char *apo_value_bool(const char *text, bool *is);
/* "6667", "127.0.0.1:6667", "[::1]:6667", "*:6667". "*" and a port alone mean all addresses. */
const char *apo_value_address(const char *text, struct rudp_addr *address);
/* 2 * bytes hexadecimal digits. */
const char *apo_value_hex(const char *text, uint8_t *key, size_t bytes);
/* Checks that it is a hash written by apollonion --hash-password. A plain password would never
 * match. */
const char *apo_value_hash(const char *text);

#endif
