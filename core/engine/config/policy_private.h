/* SPDX-License-Identifier: MIT */
/* policy_private - shared by the files of policy: rules and settings of a source, parsers of
 * words. */
#ifndef RUDP_ENGINE_POLICY_PRIVATE_H
#define RUDP_ENGINE_POLICY_PRIVATE_H

#include "engine/config/policy.h"

#define RUDP_POLICY_VARIABLE "RUDP_POLICY"

#define RUDP_POLICY_SETTING(name, type, member, value) RUDP_POLICY_##name,
enum rudp_policy_setting { RUDP_POLICY_SETTINGS(RUDP_POLICY_SETTING) RUDP_POLICY_SETTINGS_COUNT };
#undef RUDP_POLICY_SETTING

/* family 0: any address. Bits beyond the prefix are 0. */
struct rudp_policy_network {
	sa_family_t family;
	unsigned prefix_bits;
	uint8_t bytes[16];
};

/* Whether the address is in the network. */
bool rudp_policy_network_has(const struct rudp_policy_network *network,
			     const struct rudp_addr *addr);

struct rudp_policy_rule {
	unsigned line;
	enum rudp_way way;
	bool early, requires_identity;
	bool connect, listen;
	struct rudp_policy_network network;
	uint16_t port_min, port_max;            /* port_min 0: any port, also none */
	char program[RUDP_POLICY_PROGRAM_SIZE]; /* empty: any program, also an unknown one */
	char who[RUDP_POLICY_WHO_SIZE];         /* of "peer" or "allow"; empty: neither */
};

struct rudp_policy_source {
	char name[RUDP_POLICY_PATH_SIZE];
	unsigned rule_count;
	struct {
		unsigned line; /* 0: not set */
		int64_t value;
	} settings[RUDP_POLICY_SETTINGS_COUNT];
	struct {
		unsigned line;                    /* 0: not set */
		char path[RUDP_POLICY_PATH_SIZE]; /* absolute, or begins with "~/" */
	} identity[RUDP_IDENTITY_FILE_COUNT];
	struct rudp_policy_rule rules[]; /* rule_count */
};

/* Parses a whole text into a new source, to be freed with free(3). NULL: error says why. */
struct rudp_policy_source *rudp_policy_parse_source(const char *text, size_t len, const char *name,
						    char error[RUDP_POLICY_TEXT_SIZE]);
/*
 * Replaces *place, a source of the policy, by a new one and frees the old one. Then computes the
 * effective settings of the policy again.
 */
void rudp_policy_take(struct rudp_policy *policy, struct rudp_policy_source **place,
		      struct rudp_policy_source *source);

/*
 * Each function parses one word. Returns -1 if it is valid. Else returns the index of the wrong
 * character, and error describes the problem.
 */
int rudp_policy_read_network(struct rudp_policy_network *network, const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_ports(uint16_t *min, uint16_t *max, const char *word, size_t len,
			   char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_program(char program[RUDP_POLICY_PROGRAM_SIZE], const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE]);
/* The name of a peer, as the known hosts have it. */
int rudp_policy_read_peer(char who[RUDP_POLICY_WHO_SIZE], const char *word, size_t len,
			  char error[RUDP_POLICY_TEXT_SIZE]);
/* Names and groups of authorized keys, separated by commas, or RUDP_POLICY_ANYONE. */
int rudp_policy_read_allowed(char who[RUDP_POLICY_WHO_SIZE], const char *word, size_t len,
			     char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_path(char path[RUDP_POLICY_PATH_SIZE], const char *word, size_t len,
			  char error[RUDP_POLICY_TEXT_SIZE]);
int rudp_policy_read_value(enum rudp_policy_setting setting, int64_t *value, const char *word,
			   size_t len, char error[RUDP_POLICY_TEXT_SIZE]);

/* The setting with this name; RUDP_POLICY_SETTINGS_COUNT if there is none. */
enum rudp_policy_setting rudp_policy_setting_find(const char *word, size_t len);

/* Quotes a word for an error message: shortened, unprintable characters replaced. Returns text. */
#define RUDP_POLICY_QUOTE_SIZE 64
char *rudp_policy_quote(const char *word, size_t len, char text[RUDP_POLICY_QUOTE_SIZE]);

#endif
