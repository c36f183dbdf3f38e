/* SPDX-License-Identifier: MIT */
/* policy_private - what the files of policy share: a source's rules and settings, and its words. */
#ifndef RUDP_ENGINE_POLICY_PRIVATE_H
#define RUDP_ENGINE_POLICY_PRIVATE_H

#include "engine/config/policy.h"

#define RUDP_POLICY_VARIABLE "RUDP_POLICY"

enum rudp_policy_setting {
	RUDP_POLICY_HEAD_START,
	RUDP_POLICY_REMEMBER,
	RUDP_POLICY_UDP_PORT,
	RUDP_POLICY_RESUME,
	RUDP_POLICY_TAIL,
	RUDP_POLICY_EARLY,
	RUDP_POLICY_SETTINGS_COUNT,
};

/* family 0: any address. bytes beyond the prefix are 0. */
struct rudp_policy_network {
	sa_family_t family;
	unsigned prefix_bits;
	uint8_t bytes[16];
};

struct rudp_policy_rule {
	unsigned line;
	enum rudp_way way;
	bool early;
	bool connect, listen;
	struct rudp_policy_network network;
	uint16_t port_min, port_max;            /* port_min 0: any, also none */
	char program[RUDP_POLICY_PROGRAM_SIZE]; /* empty: any, also an unknown one */
};

struct rudp_policy_source {
	char name[RUDP_POLICY_PATH_SIZE];
	unsigned rule_count;
	struct {
		unsigned line;                  /* 0: not set */
		int64_t value;
	} settings[RUDP_POLICY_SETTINGS_COUNT];
	struct rudp_policy_rule rules[];        /* rule_count */
};

/* Parses a whole text into a new source. NULL: error says why. Free it with free(3). */
struct rudp_policy_source *rudp_policy_parse_source(const char *text, size_t len, const char *name,
						    char error[RUDP_POLICY_TEXT_SIZE]);
/* Puts a source in the place of an old one, and the settings that follow from both into force. */
void rudp_policy_take(struct rudp_policy *policy, struct rudp_policy_source **place,
		      struct rudp_policy_source *source);

/*
 * What stands in one word of a text. Each returns the index of what is wrong, with error saying what it
 * is, or -1.
 */
int rudp_policy_read_network(struct rudp_policy_network *network, const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_ports(uint16_t *min, uint16_t *max, const char *word, size_t len,
			   char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_program(char program[RUDP_POLICY_PROGRAM_SIZE], const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_value(enum rudp_policy_setting setting, int64_t *value, const char *word,
			   size_t len, char error[RUDP_POLICY_TEXT_SIZE]);

/* The setting of that name, RUDP_POLICY_SETTINGS_COUNT if there is none. */
enum rudp_policy_setting rudp_policy_setting_find(const char *word, size_t len);
const char *rudp_policy_setting_name(enum rudp_policy_setting setting);

/* A word made fit for a message: short, printable. Returns text. */
#define RUDP_POLICY_QUOTE_SIZE 64
char *rudp_policy_quote(const char *word, size_t len, char text[RUDP_POLICY_QUOTE_SIZE]);

#endif
