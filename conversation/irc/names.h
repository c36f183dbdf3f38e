/* SPDX-License-Identifier: MIT */
/*
 * names - checks and compares nicks, user names, channel names and host names.
 *
 * The casemapping is ascii, as ISUPPORT says: only A to Z equal a to z. Nicks, user names and hosts
 * are ASCII; channel names are UTF-8 without a few bytes.
 */
#ifndef APO_NAMES_H
#define APO_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Limits in bytes, without terminator. The configuration may lower that of nicks. */
#define APO_NICK_BYTES_MAX 32
#define APO_USER_BYTES_MAX 18
#define APO_HOST_BYTES_MAX 63
#define APO_CHANNEL_BYTES_MAX 64
#define APO_SOURCE_BYTES_MAX (APO_NICK_BYTES_MAX + 1 + APO_USER_BYTES_MAX + 1 + APO_HOST_BYTES_MAX)

char apo_fold_char(char c);
/* Writes the folded form of name, terminated and cut to cap - 1 bytes. Returns its length. */
size_t apo_fold(char *to, size_t cap, const char *name);
bool apo_is_same(const char *a, const char *b);

/* First a letter or one of []\`_^{|}, then also digits and "-"; 1 to len_max bytes. */
bool apo_nick_is_valid(const char *nick, size_t len_max);
/* "#", then any bytes but space, comma, controls, ":" and DEL; 2 to len_max bytes in all. */
bool apo_channel_is_valid(const char *name, size_t len_max);
/* Returns whether the text is meant as a channel name, valid or not. */
bool apo_channel_is_meant(const char *name);
/* A server's name: labels of letters, digits and "-" (RFC 1123), with at least one dot. */
bool apo_host_is_valid(const char *host);
/* A displayed host: not empty, no space, "!", "@", "*", "?" or control, no ":" in front. */
bool apo_shown_host_is_valid(const char *host);

/*
 * Cleans the user name that a client gives, for use in "nick!user@host": keeps only letters,
 * digits, "-", "." and "_", at most len_max bytes. to has room for one more. false: nothing is
 * left.
 */
bool apo_user_clean(char *to, size_t len_max, const char *user);

bool apo_is_letter(char c); /* an ASCII letter */

/* Returns whether the text can be a parameter that is not the last one: not empty, no space, no ":"
 * in front. */
bool apo_is_word(const char *text);

#endif
