/* SPDX-License-Identifier: MIT */
/* The file's layout is that of mdb.c in lmdb 0.9: MDB_page, MDB_node, MDB_meta, MDB_db. */
#include "messaging/disk_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_HEAD_BYTES 16
#define NODE_HEAD_BYTES 8
#define MAGIC 0xBEEFC0DEu
#define VERSION 1
#define PAGE_BYTES_MIN 512
#define PAGE_BYTES_MAX 32768
#define DEPTH_MAX 32
#define FREE_FLAGS 0x4008 /* of the database of free pages: integer keys; MDB_NOSUBDIR file */
#define NO_PAGE UINT64_MAX

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8, PAGE_KINDS = 0x6f };
enum { NODE_BIG = 1, NODE_DB = 2 };

struct db {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, version;
	uint64_t address, map_bytes;
	struct db dbs[2]; /* the database of free pages, and the main one */
	uint64_t last_page, transaction;
};

struct walk {
	const uint8_t *file;
	size_t page_bytes;
	uint64_t pages;  /* number of pages that are or were in use */
	uint8_t *seen;   /* one bit for each page */
	uint64_t leaves; /* nodes in the leaves of the present tree */
	enum tree { TREE_FREE, TREE_MAIN, TREE_RECORDS } tree;
};

static uint16_t u16_at(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

static uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

static uint64_t u64_at(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof value);
	return value;
}

/* Marks pages as reached. Returns false if one was reached before: each page has one owner. */
static bool claim_pages(struct walk *walk, uint64_t page, uint64_t count)
{
	if (page < 2 || page >= walk->pages || count == 0 || count > walk->pages - page)
		return false;
	for (; count > 0; count--, page++) {
		if (walk->seen[page / 8] & 1 << page % 8)
			return false;
		walk->seen[page / 8] |= (uint8_t)(1 << page % 8);
	}
	return true;
}

static bool walk_tree(struct walk *walk, const struct db *db, enum tree tree);

/* A record of free pages: their count, then their numbers, the largest first. */
static bool check_free(struct walk *walk, const uint8_t *data, size_t size)
{
	uint64_t count = size >= 8 ? u64_at(data) : 0, i, page, before = NO_PAGE;

	if (size < 8 || size % 8 != 0 || count > size / 8 - 1)
		return false;
	for (i = 1; i <= count; i++) {
		page = u64_at(data + 8 * i);
		if (page >= before || !claim_pages(walk, page, 1))
			return false;
		before = page;
	}
	return true;
}

static bool check_data(struct walk *walk, unsigned flags, const uint8_t *data, size_t size)
{
	struct db db;

	switch (walk->tree) {
	case TREE_FREE:
		return check_free(walk, data, size);
	case TREE_MAIN:
		if (flags != NODE_DB || size != sizeof db)
			return false;
		memcpy(&db, data, sizeof db);
		return walk_tree(walk, &db, TREE_RECORDS);
	case TREE_RECORDS:
		return flags == 0;
	}
	return false;
}

/* A value that is too long for its page has pages of its own; the first begins with a header. */
static bool check_big(struct walk *walk, uint64_t page, size_t size)
{
	uint64_t least = (PAGE_HEAD_BYTES - 1 + (uint64_t)size) / walk->page_bytes + 1;
	const uint8_t *head;

	if (page >= walk->pages)
		return false;
	head = walk->file + page * walk->page_bytes;
	return u64_at(head) == page && (u16_at(head + 10) & PAGE_KINDS) == PAGE_OVERFLOW &&
	       u32_at(head + 12) >= least && claim_pages(walk, page, u32_at(head + 12)) &&
	       check_data(walk, 0, head + PAGE_HEAD_BYTES, size);
}

static bool check_leaf_node(struct walk *walk, const uint8_t *node, size_t left)
{
	size_t size = u16_at(node) | (size_t)u16_at(node + 2) << 16, key = u16_at(node + 6);
	unsigned flags = u16_at(node + 4);
	const uint8_t *data = node + NODE_HEAD_BYTES + key;

	walk->leaves++;
	left -= NODE_HEAD_BYTES;
	if (key == 0 || key > left)
		return false;
	left -= key;
	if (flags == NODE_BIG)
		return left >= 8 && check_big(walk, u64_at(data), size);
	return size <= left && check_data(walk, flags, data, size);
}

static bool check_page(struct walk *walk, uint64_t number, unsigned depth);

static bool check_branch_node(struct walk *walk, const uint8_t *node, size_t left, unsigned depth,
			      bool is_first)
{
	uint64_t child =
		u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
	size_t key = u16_at(node + 6);

	if (key > left - NODE_HEAD_BYTES || (key == 0 && !is_first))
		return false;
	return check_page(walk, child, depth - 1);
}

/* depth 1 is a leaf. */
static bool check_page(struct walk *walk, uint64_t number, unsigned depth)
{
	const uint8_t *page, *node;
	size_t lower, upper, i, at;
	bool good = true;

	if (!claim_pages(walk, number, 1))
		return false;
	page = walk->file + number * walk->page_bytes;
	if (u64_at(page) != number)
		return false;
	if ((u16_at(page + 10) & PAGE_KINDS) != (depth > 1 ? PAGE_BRANCH : PAGE_LEAF))
		return false;
	lower = u16_at(page + 12);
	upper = u16_at(page + 14);
	if (lower < PAGE_HEAD_BYTES + 2 || lower > upper || upper > walk->page_bytes || lower % 2)
		return false;
	if (depth > 1 && lower < PAGE_HEAD_BYTES + 4)
		return false; /* a branch has at least two children */
	for (i = PAGE_HEAD_BYTES; good && i < lower; i += 2) {
		at = u16_at(page + i);
		if (at < upper || at % 2 || at + NODE_HEAD_BYTES > walk->page_bytes)
			return false;
		node = page + at;
		good = depth > 1 ? check_branch_node(walk, node, walk->page_bytes - at, depth,
						     i == PAGE_HEAD_BYTES)
				 : check_leaf_node(walk, node, walk->page_bytes - at);
	}
	return good;
}

static bool walk_tree(struct walk *walk, const struct db *db, enum tree tree)
{
	uint64_t leaves = walk->leaves;
	enum tree before = walk->tree;
	bool good;

	/* Our databases have no flags; duplicate keys, for example, need one. */
	if (db->flags & ~(tree == TREE_FREE ? FREE_FLAGS : 0))
		return false;
	if (db->root == NO_PAGE)
		return db->entries == 0 && db->depth == 0;
	if (db->depth == 0 || db->depth > DEPTH_MAX)
		return false;
	walk->leaves = 0;
	walk->tree = tree;
	good = check_page(walk, db->root, db->depth) && walk->leaves == db->entries;
	walk->tree = before;
	walk->leaves = leaves;
	return good;
}

/* Reads the newer of the two meta pages, which LMDB writes in turn. */
static bool read_metas(const uint8_t *file, size_t size, struct meta *newest, size_t *page_bytes)
{
	struct meta meta;
	size_t i, at;

	if (size < PAGE_HEAD_BYTES + sizeof meta)
		return false;
	memcpy(&meta, file + PAGE_HEAD_BYTES, sizeof meta);
	*page_bytes = meta.dbs[0].pad;
	if (*page_bytes < PAGE_BYTES_MIN || *page_bytes > PAGE_BYTES_MAX ||
	    (*page_bytes & (*page_bytes - 1)) || size < 2 * *page_bytes)
		return false;
	for (i = 0; i < 2; i++) {
		at = i * *page_bytes;
		memcpy(&meta, file + at + PAGE_HEAD_BYTES, sizeof meta);
		if (!(u16_at(file + at + 10) & PAGE_META) || meta.magic != MAGIC ||
		    meta.version != VERSION || meta.dbs[0].pad != *page_bytes)
			return false;
		if (i == 0 || meta.transaction > newest->transaction)
			*newest = meta;
	}
	return newest->last_page >= 1 && newest->last_page < size / *page_bytes;
}

int rudpmsg_disk_check(const uint8_t *file, size_t size)
{
	struct walk walk = {.file = file};
	struct meta meta;
	bool good;

	if (!read_metas(file, size, &meta, &walk.page_bytes))
		return -EBADMSG;
	walk.pages = meta.last_page + 1;
	walk.seen = calloc(1, walk.pages / 8 + 1);
	if (!walk.seen)
		return -ENOMEM;
	good = walk_tree(&walk, &meta.dbs[1], TREE_MAIN) &&
	       walk_tree(&walk, &meta.dbs[0], TREE_FREE);
	free(walk.seen);
	return good ? 0 : -EBADMSG;
}
