/* SPDX-License-Identifier: MIT */
/*
 * names - what nicks, user names, channels and hosts may look like, and which are the same.
 *
 * Casemapping is ascii (ISUPPORT tells): A to Z are a to z, and nothing else is anything else.
 * Nicks, user names and hosts are ASCII; channel names are any UTF-8 but for a few bytes.
 */
#ifndef APO_NAMES_H
#define APO_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define APO_NICK_BYTES_MAX                                                                         \
	32 /* whatever the configuration says; without terminator, as all here                     \
	    */
#define APO_USER_BYTES_MAX 18
#define APO_HOST_BYTES_MAX 63
#define APO_CHANNEL_BYTES_MAX 64
#define APO_SOURCE_BYTES_MAX (APO_NICK_BYTES_MAX + 1 + APO_USER_BYTES_MAX + 1 + APO_HOST_BYTES_MAX)

char apo_fold_char(char c);
/* The folded form of name, terminated; what is longer than cap - 1 is cut. Returns its length. */
size_t apo_fold(char *to, size_t cap, const char *name);
bool apo_is_same(const char *a, const char *b);

/* A letter or one of []\`_^{|}, then those, digits and "-"; 1 to len_max bytes. */
bool apo_nick_is_valid(const char *nick, size_t len_max);
/* "#", then anything but space, comma, controls, ":" and DEL; 2 to len_max bytes in all. */
bool apo_channel_is_valid(const char *name, size_t len_max);
/* Something that is meant as a channel, valid or not. */
bool apo_channel_is_meant(const char *name);
/* Letters, digits and "-" between dots (RFC 1123), at least one dot: a server's name. */
bool apo_host_is_valid(const char *host);
/* A host as it is shown: no space, "!", "@", "*", "?", control; not empty, no ":" in front. */
bool apo_shown_host_is_valid(const char *host);

/*
 * What a client says it is called, made fit for "nick!user@host": only letters, digits and -._
 * stay, at most len_max. to has room for one more. Returns false when nothing is left.
 */
bool apo_user_clean(char *to, size_t len_max, const char *user);

bool apo_is_letter(char c); /* of ASCII, as everywhere here */

/* May it stand as a parameter that is not the last: not empty, no space, no ":" in front. */
bool apo_is_word(const char *text);

#endif
