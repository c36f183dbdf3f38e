/* SPDX-License-Identifier: MIT */
/*
 * fingerprint - the text form of the key with which a client logs in (SASL EXTERNAL).
 *
 * Forms   Of a TLS certificate: its SHA-256, 64 hexadecimal digits in lower case. Of a rudp
 *         identity (rudp_keys(5)): "SHA256:" and the SHA-256 of the public key, 43 characters of
 *         base64, as "rudp key show" prints it.
 */
#ifndef APO_FINGERPRINT_H
#define APO_FINGERPRINT_H

#include <stdbool.h>

#define APO_FINGERPRINT_SIZE 65 /* of both forms, with a 0 */
#define APO_ACCOUNT_KEYS_MAX 16 /* of one account */
/* All of them, with spaces between them. */
#define APO_KEYS_TEXT_SIZE (APO_ACCOUNT_KEYS_MAX * (APO_FINGERPRINT_SIZE + 1))

bool apo_fingerprint_is_valid(const char *text);

#endif
