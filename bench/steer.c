/* SPDX-License-Identifier: MIT */
#include "steer.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "base/wire.h"
#include "proto/wire/packet.h"

#define BUCKET_BITS 6
#define ENTRY_BITS 4
#define ENTRIES_PER_WORD (32 / ENTRY_BITS)
#define TABLE_WORDS (STEER_BUCKETS / ENTRIES_PER_WORD)
#define CODE_MAX 100

/* The offset of the lowest byte of the id from the start of the UDP payload. */
#define ID_AT_SHORT_DATA 4
#define ID_AT_LONG 8 /* DATA, COOKIE, REFUSE */
#define ID_AT_SYNACK 11
#define SYN_FLAGS_AT 3
#define SYN_COOKIE_BYTES_AT 14
#define ID_AT_RESUMED_SYN 23 /* of the association, if there is no cookie */

/* A mask for the first byte of a packet that removes the key phase. */
#define FIRST_BYTE_MASK 0xf2u
#define FIRST_BYTE(type) ((uint32_t)(type) << 4)
#define SHORT_DATA (FIRST_BYTE(RUDP_PACKET_DATA) | 2)

#define IPV4_SOURCE_AT 12
#define IPV6_SOURCE_AT 8

/* Cells of the program's memory. */
enum cell { CELL_BUCKET, CELL_SHIFT };

_Static_assert(1 << BUCKET_BITS == STEER_BUCKETS, "the hash gives a bucket");
_Static_assert(1 << ENTRY_BITS == STEER_ENGINES_MAX, "an entry holds an engine's number");

struct code {
	struct sock_filter code[CODE_MAX];
	unsigned len;
};

static void add(struct code *code, uint16_t operation, uint32_t k)
{
	assert(code->len < CODE_MAX);
	code->code[code->len++] = (struct sock_filter){.code = operation, .k = k};
}

/* Continues with the next instruction if A equals k, else skips that many after it. */
static void skip_unless(struct code *code, uint32_t k, uint8_t skipped)
{
	add(code, BPF_JMP | BPF_JEQ | BPF_K, k);
	code->code[code->len - 1].jf = skipped;
}

static void return_engine(struct code *code, const struct steer *steer)
{
	add(code, BPF_ALU | BPF_AND | BPF_K, steer->engines - 1);
	add(code, BPF_RET | BPF_A, 0);
}

/* Selects the engine of packets with this first byte by the byte at this offset. */
static void add_id(struct code *code, const struct steer *steer, uint32_t first_byte, uint32_t at)
{
	skip_unless(code, first_byte, 3);
	add(code, BPF_LD | BPF_B | BPF_ABS, at);
	return_engine(code, steer);
}

/* Selects the engine of a SYN with RESUME by the association's id, which follows the cookie. */
static void add_resumed_syn(struct code *code, const struct steer *steer)
{
	skip_unless(code, FIRST_BYTE(RUDP_PACKET_SYN), 8);
	add(code, BPF_LD | BPF_B | BPF_ABS, SYN_FLAGS_AT);
	add(code, BPF_ALU | BPF_AND | BPF_K, RUDP_SYN_RESUME);
	skip_unless(code, RUDP_SYN_RESUME, 5);
	add(code, BPF_LD | BPF_B | BPF_ABS, SYN_COOKIE_BYTES_AT);
	add(code, BPF_MISC | BPF_TAX, 0);
	add(code, BPF_LD | BPF_B | BPF_IND, ID_AT_RESUMED_SYN);
	return_engine(code, steer);
}

static void load_from_ip(struct code *code, uint16_t size, uint32_t at)
{
	add(code, BPF_LD | size | BPF_ABS, (uint32_t)SKF_NET_OFF + at);
}

/* A becomes (A xor the next word of the address) times the multiplier; X may be overwritten. */
static void mix_in(struct code *code, const struct steer *steer, uint32_t at)
{
	add(code, BPF_MISC | BPF_TAX, 0);
	load_from_ip(code, BPF_W, at);
	add(code, BPF_ALU | BPF_XOR | BPF_X, 0);
	add(code, BPF_ALU | BPF_MUL | BPF_K, steer->multiplier);
}

/* A becomes the hash of the source address. */
static void add_hash(struct code *code, const struct steer *steer)
{
	load_from_ip(code, BPF_B, 0);
	add(code, BPF_ALU | BPF_RSH | BPF_K, 4);
	skip_unless(code, 4, 3);
	load_from_ip(code, BPF_W, IPV4_SOURCE_AT);
	add(code, BPF_ALU | BPF_MUL | BPF_K, steer->multiplier);
	add(code, BPF_JMP | BPF_JA, 14);
	load_from_ip(code, BPF_W, IPV6_SOURCE_AT);
	add(code, BPF_ALU | BPF_MUL | BPF_K, steer->multiplier);
	mix_in(code, steer, IPV6_SOURCE_AT + 4);
	mix_in(code, steer, IPV6_SOURCE_AT + 8);
	mix_in(code, steer, IPV6_SOURCE_AT + 12);
}

static uint32_t table_word(const struct steer *steer, unsigned index)
{
	uint32_t word = 0;

	for (unsigned i = 0; i < ENTRIES_PER_WORD; i++)
		word |= (uint32_t)steer->engine_of[index * ENTRIES_PER_WORD + i] << i * ENTRY_BITS;
	return word;
}

/* Classic BPF cannot index a table, so there is a comparison for each word of eight entries. */
static void add_table(struct code *code, const struct steer *steer)
{
	add(code, BPF_ALU | BPF_RSH | BPF_K, 32 - BUCKET_BITS);
	add(code, BPF_ST, CELL_BUCKET);
	add(code, BPF_ALU | BPF_AND | BPF_K, ENTRIES_PER_WORD - 1);
	add(code, BPF_ALU | BPF_MUL | BPF_K, ENTRY_BITS);
	add(code, BPF_ST, CELL_SHIFT);
	add(code, BPF_LDX | BPF_W | BPF_MEM, CELL_SHIFT);
	add(code, BPF_LD | BPF_W | BPF_MEM, CELL_BUCKET);
	add(code, BPF_ALU | BPF_DIV | BPF_K, ENTRIES_PER_WORD);
	for (unsigned i = 0; i < TABLE_WORDS; i++) {
		skip_unless(code, i, 4);
		add(code, BPF_LD | BPF_IMM, table_word(steer, i));
		add(code, BPF_ALU | BPF_RSH | BPF_X, 0);
		return_engine(code, steer);
	}
	add(code, BPF_RET | BPF_K, 0);
}

int steer_attach(int fd, const struct steer *steer)
{
	struct code code = {.len = 0};
	struct sock_fprog program = {.filter = code.code};

	add(&code, BPF_LD | BPF_B | BPF_ABS, 0);
	add(&code, BPF_ALU | BPF_AND | BPF_K, FIRST_BYTE_MASK);
	add_id(&code, steer, SHORT_DATA, ID_AT_SHORT_DATA);
	add_id(&code, steer, FIRST_BYTE(RUDP_PACKET_DATA), ID_AT_LONG);
	add_id(&code, steer, FIRST_BYTE(RUDP_PACKET_SYNACK), ID_AT_SYNACK);
	add_id(&code, steer, FIRST_BYTE(RUDP_PACKET_COOKIE), ID_AT_LONG);
	add_id(&code, steer, FIRST_BYTE(RUDP_PACKET_REFUSE), ID_AT_LONG);
	add_resumed_syn(&code, steer);
	add_hash(&code, steer);
	add_table(&code, steer);
	program.len = (unsigned short)code.len;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0
		       ? -errno
		       : 0;
}

void steer_init(struct steer *steer, unsigned engines, uint32_t random)
{
	assert(engines > 0 && engines <= STEER_ENGINES_MAX && (engines & (engines - 1)) == 0);
	*steer = (struct steer){.engines = engines, .multiplier = random | 1};
	for (unsigned i = 0; i < STEER_BUCKETS; i++)
		steer->engine_of[i] = (uint8_t)(i % engines);
}

static uint32_t word_at(const uint8_t *bytes)
{
	struct rudp_reader r = rudp_reader(bytes, 4);

	return rudp_read_u32(&r);
}

unsigned steer_bucket(const struct steer *steer, const struct rudp_addr *source)
{
	const uint8_t *host = source->family == AF_INET ? (const uint8_t *)&source->in4.sin_addr
							: source->in6.sin6_addr.s6_addr;
	unsigned words = source->family == AF_INET ? 1 : 4;
	uint32_t hash = 0;

	for (unsigned i = 0; i < words; i++)
		hash = (hash ^ word_at(host + 4 * i)) * steer->multiplier;
	return hash >> (32 - BUCKET_BITS);
}

unsigned steer_engine_of(const struct steer *steer, const struct rudp_addr *source)
{
	return steer->engine_of[steer_bucket(steer, source)];
}

uint64_t steer_id(const struct steer *steer, uint64_t random, unsigned engine)
{
	return (random & ~(uint64_t)(steer->engines - 1)) | engine;
}

/* The number of idle buckets for each engine: its part of the spare time, rounded up. */
static bool share_out(const struct steer *steer, const unsigned load_permille[], unsigned idle,
		      unsigned may_have[])
{
	unsigned spare_sum = 0;

	for (unsigned i = 0; i < steer->engines; i++)
		spare_sum += STEER_LOAD_MAX - load_permille[i];
	if (spare_sum == 0)
		return false;
	for (unsigned i = 0; i < steer->engines; i++)
		may_have[i] =
			(idle * (STEER_LOAD_MAX - load_permille[i]) + spare_sum - 1) / spare_sum;
	return true;
}

/* If one engine has too many buckets, another one may take more, since together they may have
 * all. */
static unsigned find_taker(unsigned engines, const unsigned may_have[], const unsigned owned[])
{
	unsigned taker = 0;

	while (taker < engines - 1 && owned[taker] >= may_have[taker])
		taker++;
	return taker;
}

bool steer_balance(struct steer *steer, const unsigned connections[STEER_BUCKETS],
		   const unsigned load_permille[STEER_ENGINES_MAX])
{
	unsigned may_have[STEER_ENGINES_MAX], owned[STEER_ENGINES_MAX] = {0}, idle = 0;
	bool changed = false;

	for (unsigned i = 0; i < STEER_BUCKETS; i++)
		if (connections[i] == 0) {
			owned[steer->engine_of[i]]++;
			idle++;
		}
	if (!share_out(steer, load_permille, idle, may_have))
		return false;
	for (unsigned i = 0; i < STEER_BUCKETS; i++) {
		unsigned from = steer->engine_of[i], to;

		if (connections[i] > 0 || owned[from] <= may_have[from])
			continue;
		to = find_taker(steer->engines, may_have, owned);
		steer->engine_of[i] = (uint8_t)to;
		owned[from]--;
		owned[to]++;
		changed = true;
	}
	return changed;
}
