/* SPDX-License-Identifier: MIT */
#include "conversation/model/extban.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conversation/model/replies.h"

static const struct {
	char letter;
	const char *name;
} types[] = {{'a', "account"}, {'m', "mute"}, {'r', "realname"}};

/* Returns whether the part that would be the nick contains a colon. */
static bool is_extended(const char *mask)
{
	return mask[strcspn(mask, ":!@")] == ':';
}

/* Returns the letter of the type and sets *rest to what follows its colon; '\0': no such type. */
static char type_of(const char *mask, const char **rest)
{
	const char *name = mask + (*mask == '~');
	size_t len = strcspn(name, ":"), i;

	*rest = name + len + 1;
	for (i = 0; i < sizeof types / sizeof *types; i++)
		if ((len == 1 && name[0] == types[i].letter) ||
		    (len == strlen(types[i].name) && strncasecmp(name, types[i].name, len) == 0))
			return types[i].letter;
	return '\0';
}

static const char *complete_mute(char *to, size_t cap, enum apo_list_kind kind, const char *mask)
{
	const char *rest;

	if (kind == APO_LIST_INVITE || kind == APO_LIST_QUIET)
		return "A mute can only be in the lists b and e";
	if (is_extended(mask) && type_of(mask, &rest) == 'm')
		return "A mute cannot contain a mute";
	memcpy(to, "m:", 2);
	return apo_extban_complete(to + 2, cap - 2, kind, mask);
}

const char *apo_extban_complete(char *to, size_t cap, enum apo_list_kind kind, const char *mask)
{
	const char *rest;
	char letter;
	int len;

	if (!is_extended(mask))
		return apo_mask_complete(to, cap, mask) ? NULL : "This is no mask";
	letter = type_of(mask, &rest);
	if (letter == '\0')
		return "There is no such extended ban";
	if (letter == 'm')
		return complete_mute(to, cap, kind, rest);
	len = snprintf(to, cap, "%c:%s", letter, rest);
	if (!apo_is_word(mask) || !*rest || len < 0 || (size_t)len >= cap)
		return "This is no mask";
	return NULL;
}

/* The type of a completed list entry; '\0': the entry is a mask of nick, user and host. */
static char short_type(const char *mask)
{
	return mask[0] && mask[1] == ':' && strchr(APO_EXTBAN_TYPES, mask[0]) ? mask[0] : '\0';
}

bool apo_extban_is_mute(const char *mask)
{
	return short_type(mask) == 'm';
}

static void write_form(char to[APO_SOURCE_BYTES_MAX + 1], const struct apo_client *client,
		       const char *host)
{
	snprintf(to, APO_SOURCE_BYTES_MAX + 1, "%s!%s@%s", client->nick, client->user, host);
}

void apo_source_forms_write(struct apo_source_forms *forms, const struct apo_client *client)
{
	apo_client_source(client, forms->shown);
	write_form(forms->real, client, client->address);
	forms->given[0] = '\0';
	if (client->given_host)
		write_form(forms->given, client, client->given_host);
}

bool apo_extban_is_match(const char *mask, const struct apo_client *client,
			 const struct apo_source_forms *forms)
{
	if (short_type(mask) == 'm')
		mask += 2;
	switch (short_type(mask)) {
	case 'a':
		return client->account && apo_mask_is_match(mask + 2, client->account);
	case 'r':
		return client->real && apo_mask_is_match(mask + 2, client->real);
	default:
		return apo_mask_is_match(mask, forms->shown) ||
		       apo_mask_is_match(mask, forms->given) ||
		       apo_mask_is_match(mask, forms->real);
	}
}
