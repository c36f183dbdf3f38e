/* SPDX-License-Identifier: MIT */
/* Writes batches as transactions, and makes room for them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "messaging/disk_private.h"

#define RESERVE_BYTES ((uint64_t)4 << 20) /* part of the file for transactions that only delete */
#define GROW_BYTES_MAX ((uint64_t)256 << 20)

/* The cursors of a transaction. New messages are added at one end, old ones deleted at the
 * other. */
struct change {
	MDB_txn *txn;
	MDB_cursor *put_sent, *put_received, *delete_sent, *delete_received;
};

int rudpmsg_disk_error(int rc)
{
	if (rc > 0)
		return -rc;
	if (rc == MDB_MAP_FULL)
		return -ENOSPC;
	return rc ? -EIO : 0;
}

/* ---- room in the file ---- */

/* Allocates room in the file system. If the file system cannot do that, a full disk is noticed only
 * while writing. LMDB then aborts the transaction cleanly, but the reserve is not guaranteed. */
static int claim(struct rudpmsg_disk *disk, uint64_t bytes)
{
	mdb_filehandle_t fd;
	int rc = mdb_env_get_fd(disk->env, &fd);

	if (rc)
		return rudpmsg_disk_error(rc);
	while (fallocate(fd, 0, 0, (off_t)bytes) < 0) {
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return 0;
		if (errno == EFBIG || errno == EDQUOT)
			return -ENOSPC;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int grow(struct rudpmsg_disk *disk, uint64_t map_bytes)
{
	int rc;

	if (map_bytes > disk->bytes_max)
		map_bytes = disk->bytes_max;
	if (map_bytes <= disk->map_bytes)
		return -ENOSPC;
	rc = claim(disk, map_bytes + RESERVE_BYTES);
	if (rc < 0)
		return rc;
	rc = rudpmsg_disk_error(mdb_env_set_mapsize(disk->env, map_bytes));
	if (rc == 0)
		disk->map_bytes = map_bytes;
	return rc;
}

int rudpmsg_disk_claim(struct rudpmsg_disk *disk, uint64_t file_bytes)
{
	int rc;

	if (file_bytes > disk->map_bytes + RESERVE_BYTES)
		disk->map_bytes = file_bytes - RESERVE_BYTES;
	rc = claim(disk, disk->map_bytes + RESERVE_BYTES);
	if (rc < 0 && (rc != -ENOSPC || file_bytes == 0))
		return rc;
	/* Writing the run number may use the reserve. */
	return rudpmsg_disk_error(mdb_env_set_mapsize(disk->env, disk->map_bytes + RESERVE_BYTES));
}

static int grow_more(struct rudpmsg_disk *disk)
{
	uint64_t more = disk->map_bytes < GROW_BYTES_MAX ? disk->map_bytes : GROW_BYTES_MAX;
	int rc = grow(disk, disk->map_bytes + more);

	/* A disk that is almost full may still have a smaller part free. */
	while (rc == -ENOSPC && more > RESERVE_BYTES && disk->map_bytes < disk->bytes_max)
		rc = grow(disk, disk->map_bytes + (more /= 2));
	return rc;
}

/* ---- operations ---- */

static int put_sent(struct change *change, const struct rudpmsg_op *op)
{
	struct rudpmsg_disk_key at = rudpmsg_disk_key(op->peer, op->from);
	MDB_val key = {sizeof at, &at}, value = {RUDPMSG_SENT_HEAD_BYTES + op->length, NULL};
	int rc = mdb_cursor_put(change->put_sent, &key, &value, MDB_RESERVE);

	if (rc)
		return rc;
	rudpmsg_sent_head_write(value.mv_data, op->peer, op->from, op->bytes, op->length);
	memcpy((uint8_t *)value.mv_data + RUDPMSG_SENT_HEAD_BYTES, op->bytes, op->length);
	return 0;
}

static int put_received(struct change *change, const struct rudpmsg_op *op)
{
	struct rudpmsg_received record = {op->stream, op->id, op->bytes, op->length};
	struct rudpmsg_disk_key at = rudpmsg_disk_key(op->peer, op->from);
	MDB_val key = {sizeof at, &at}, value = {RUDPMSG_RECEIVED_HEAD_BYTES + op->length, NULL};
	int rc = mdb_cursor_put(change->put_received, &key, &value, MDB_RESERVE);

	if (rc)
		return rc;
	rudpmsg_received_head_write(value.mv_data, op->peer, op->from, &record);
	memcpy((uint8_t *)value.mv_data + RUDPMSG_RECEIVED_HEAD_BYTES, op->bytes, op->length);
	return 0;
}

/* Deletes the peer's messages numbered from to to. */
static int delete_range(MDB_cursor *cursor, uint64_t peer, uint64_t from, uint64_t to)
{
	struct rudpmsg_disk_key at = rudpmsg_disk_key(peer, from), end = rudpmsg_disk_key(peer, to);
	MDB_val key = {sizeof at, &at}, value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

	while (rc == 0 && key.mv_size == sizeof end && memcmp(key.mv_data, &end, sizeof end) <= 0) {
		rc = mdb_cursor_del(cursor, 0);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int put_peer(const struct rudpmsg_disk *disk, struct change *change,
		    const struct rudpmsg_op *op)
{
	struct rudpmsg_disk_key at = rudpmsg_disk_key(op->peer, 0);
	MDB_val key = {sizeof op->peer, &at}, value = {op->length, (void *)(uintptr_t)op->bytes};
	int rc = mdb_put(change->txn, disk->peers, &key, &value, 0);

	return rc ? rc : delete_range(change->delete_sent, op->peer, 0, op->id);
}

static int delete_peer(const struct rudpmsg_disk *disk, struct change *change,
		       const struct rudpmsg_op *op)
{
	struct rudpmsg_disk_key at = rudpmsg_disk_key(op->peer, 0);
	MDB_val key = {sizeof op->peer, &at};
	int rc = mdb_del(change->txn, disk->peers, &key, NULL);

	if (rc && rc != MDB_NOTFOUND)
		return rc;
	rc = delete_range(change->delete_sent, op->peer, 0, UINT64_MAX);
	return rc ? rc : delete_range(change->delete_received, op->peer, 0, UINT64_MAX);
}

static int apply(const struct rudpmsg_disk *disk, struct change *change,
		 const struct rudpmsg_op *op)
{
	switch (op->kind) {
	case RUDPMSG_OP_PUT_SENT:
		return put_sent(change, op);
	case RUDPMSG_OP_PUT_RECEIVED:
		return put_received(change, op);
	case RUDPMSG_OP_DELETE_SENT:
		return delete_range(change->delete_sent, op->peer, op->from, op->to);
	case RUDPMSG_OP_DELETE_RECEIVED:
		return delete_range(change->delete_received, op->peer, op->from, op->to);
	case RUDPMSG_OP_PUT_PEER:
		return put_peer(disk, change, op);
	case RUDPMSG_OP_DELETE_PEER:
		return delete_peer(disk, change, op);
	}
	return 0;
}

/* ---- a transaction ---- */

static int open_cursors(const struct rudpmsg_disk *disk, struct change *change)
{
	int rc = mdb_cursor_open(change->txn, disk->sent, &change->put_sent);

	if (rc == 0)
		rc = mdb_cursor_open(change->txn, disk->sent, &change->delete_sent);
	if (rc == 0)
		rc = mdb_cursor_open(change->txn, disk->received, &change->put_received);
	if (rc == 0)
		rc = mdb_cursor_open(change->txn, disk->received, &change->delete_received);
	return rc;
}

/* Returns LMDB's result. The end of a write transaction also closes its cursors. */
static int write_batch(struct rudpmsg_disk *disk, const struct rudpmsg_batch *batch)
{
	struct change change = {0};
	struct rudpmsg_op op;
	size_t at = 0;
	int rc = mdb_txn_begin(disk->env, NULL, 0, &change.txn);

	if (rc)
		return rc;
	rc = open_cursors(disk, &change);
	while (rc == 0 && rudpmsg_batch_next(batch, &at, &op))
		rc = apply(disk, &change, &op);
	if (rc == 0)
		return mdb_txn_commit(change.txn);
	mdb_txn_abort(change.txn);
	return rc;
}

/* A batch that only deletes may use the reserve; others may not. */
static int commit_in(struct rudpmsg_disk *disk, const struct rudpmsg_batch *batch, bool in_reserve)
{
	uint64_t bytes = disk->map_bytes + (in_reserve ? RESERVE_BYTES : 0);
	int rc = mdb_env_set_mapsize(disk->env, bytes);

	return rc ? rc : write_batch(disk, batch);
}

/* LMDB reuses freed pages only in the transaction after the next one. This writes an empty one in
 * between. */
static int commit_empty(struct rudpmsg_disk *disk)
{
	uint8_t bytes[RUDPMSG_MARK_BYTES_MAX];
	MDB_val key = {4, "mark"}, value;
	MDB_txn *txn;
	int rc = mdb_env_set_mapsize(disk->env, disk->map_bytes + RESERVE_BYTES);

	disk->has_freed = false;
	if (rc == 0)
		rc = mdb_txn_begin(disk->env, NULL, 0, &txn);
	if (rc)
		return rudpmsg_disk_error(rc);
	rc = mdb_get(txn, disk->marks, &key, &value);
	if (rc == 0 && value.mv_size <= sizeof bytes) {
		memcpy(bytes, value.mv_data, value.mv_size);
		value.mv_data = bytes;
		rc = mdb_put(txn, disk->marks, &key, &value, 0);
	}
	if (rc == 0)
		return rudpmsg_disk_error(mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return rudpmsg_disk_error(rc);
}

int rudpmsg_disk_commit(struct rudpmsg_disk *disk, const struct rudpmsg_batch *batch)
{
	int rc = 0, lmdb;

	while (disk->error == 0 && rc == 0) {
		lmdb = commit_in(disk, batch, batch->puts == 0);
		if (lmdb == 0) {
			disk->has_freed = true;
			return 0;
		}
		if (lmdb != MDB_MAP_FULL || batch->puts == 0)
			rc = rudpmsg_disk_error(lmdb);
		else
			rc = grow_more(disk);
		if (rc == -ENOSPC && batch->puts > 0 && disk->has_freed)
			rc = commit_empty(disk);
	}
	/* After a disk error it is unknown what was written: only opening the store again tells. */
	if (rc != -ENOSPC && rc != -ENOMEM && rc != 0)
		disk->error = -EIO;
	return disk->error ? disk->error : rc;
}
