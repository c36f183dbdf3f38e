/* SPDX-License-Identifier: MIT */
/*
 * hex - published vectors as they are printed.
 */
#ifndef RUDP_TESTS_HEX_H
#define RUDP_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Digits in pairs; spaces are passed over. Returns bytes written; fails the test on anything else.
 */
size_t hex_read(const char *text, uint8_t *out, size_t out_cap);

/* Fails the test unless bytes[0, len) are what text says. */
void hex_expect(const uint8_t *bytes, size_t len, const char *text);

#endif
