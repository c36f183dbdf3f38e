/* SPDX-License-Identifier: MIT */
/* Opens a store, creates one, and loads its records. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/wire.h"
#include "messaging/disk_check.h"
#include "messaging/disk_private.h"

#define FILE_NAME "messages.mdb"
#define LOCK_NAME "lock"

static int __attribute__((format(printf, 3, 4)))
complain(char *text, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, RUDPMSG_ERROR_TEXT_SIZE, format, args);
	va_end(args);
	return error;
}

struct rudpmsg_disk_key rudpmsg_disk_key(uint64_t peer, uint64_t number)
{
	struct rudpmsg_disk_key key;
	struct rudp_writer writer = rudp_writer(key.bytes, sizeof key.bytes);

	rudp_write_u64(&writer, peer);
	rudp_write_u64(&writer, number);
	return key;
}

/* Returns false if value does not have the size of a key. */
static bool read_key(const MDB_val *value, size_t size, uint64_t *peer, uint64_t *number)
{
	struct rudp_reader reader = rudp_reader(value->mv_data, value->mv_size);

	*peer = rudp_read_u64(&reader);
	*number = size == KEY_BYTES ? rudp_read_u64(&reader) : 0;
	return reader.ok && rudp_reader_left(&reader) == 0;
}

/* ---- the directory ---- */

/* Checks that the directory has no files besides the store's lock. */
static int check_empty(const char *directory, char *text)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return complain(text, -errno, "cannot read the directory %s: %s", directory,
				strerror(errno));
	while (rc == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, LOCK_NAME) != 0)
			rc = complain(text, -ENOTEMPTY,
				      "%.120s is no store, and holds other things (%.60s): give an "
				      "empty directory",
				      directory, entry->d_name);
	closedir(dir);
	return rc;
}

/* The lock lasts until the store is closed, and also keeps this process from opening it twice. */
static int take_lock(struct rudpmsg_disk *disk, int dir_fd, const char *directory, char *text)
{
	disk->lock_fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (disk->lock_fd < 0)
		return complain(text, -errno, "cannot write in %s: %s", directory, strerror(errno));
	if (flock(disk->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return complain(text, -EBUSY, "the store %s is open in another node", directory);
	return complain(text, -errno, "cannot lock %s: %s", directory, strerror(errno));
}

/* The directory must have a store, or be empty. */
static int check_place(int dir_fd, const char *directory, char *text)
{
	return faccessat(dir_fd, FILE_NAME, F_OK, 0) == 0 ? 0 : check_empty(directory, text);
}

static int check_pages(int fd, off_t size)
{
	uint8_t *file = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	int rc;

	if (file == MAP_FAILED)
		return -errno;
	rc = rudpmsg_disk_check(file, (size_t)size);
	munmap(file, (size_t)size);
	return rc;
}

/* *size: bytes of the file. 0: there is none, or its creation was interrupted. */
static int check_file(int dir_fd, const char *directory, off_t *size, char *text)
{
	struct stat st;
	int fd, rc;

	*size = 0;
	fd = openat(dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return complain(text, -errno, "cannot read %s/" FILE_NAME ": %s", directory,
				strerror(errno));
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	if (rc == 0 && st.st_size > 0)
		rc = check_pages(fd, st.st_size);
	close(fd);
	if (rc == -EBADMSG)
		return complain(text, rc,
				"%s/" FILE_NAME " is damaged, or no store: it was left as it is",
				directory);
	if (rc < 0)
		return complain(text, rc, "cannot read %s/" FILE_NAME ": %s", directory,
				strerror(-rc));
	*size = st.st_size;
	return 0;
}

/* ---- the LMDB environment ---- */

static int open_env(struct rudpmsg_disk *disk, const char *directory, off_t size, char *text)
{
	char path[4096];
	int rc = mdb_env_create(&disk->env);

	if (rc)
		return complain(text, -ENOMEM, "no memory for a store");
	if (snprintf(path, sizeof path, "%s/" FILE_NAME, directory) >= (int)sizeof path)
		return complain(text, -ENAMETOOLONG, "the name of the store is too long");
	/* LMDB never makes the map smaller than the part that is used. */
	disk->map_bytes = DISK_FIRST_BYTES;
	mdb_env_set_maxdbs(disk->env, 4);
	rc = mdb_env_set_mapsize(disk->env, disk->map_bytes);
	/* Our own lock keeps other processes out, so LMDB needs no lock file. */
	if (rc == 0)
		rc = mdb_env_open(disk->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0600);
	if (rc)
		return complain(text, rc > 0 ? -rc : -EBADMSG, "cannot open %s: %s", path,
				mdb_strerror(rc));
	rc = rudpmsg_disk_claim(disk, (uint64_t)size);
	if (rc < 0)
		return complain(text, rc, "no room for the store %s: %s", directory, strerror(-rc));
	return 0;
}

static int open_databases(struct rudpmsg_disk *disk, MDB_txn *txn, unsigned flags)
{
	int rc = mdb_dbi_open(txn, "mark", flags, &disk->marks);

	if (rc == 0)
		rc = mdb_dbi_open(txn, "peers", flags, &disk->peers);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "sent", flags, &disk->sent);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "received", flags, &disk->received);
	return rc;
}

static bool is_new(MDB_txn *txn)
{
	MDB_stat stat;
	MDB_dbi main;

	return mdb_dbi_open(txn, NULL, 0, &main) == 0 && mdb_stat(txn, main, &stat) == 0 &&
	       stat.ms_entries == 0;
}

/* Run numbers begin at the present time, down to 64 ns. So the runs of a new store are larger than
 * those of a deleted one. Otherwise peers would refuse its links as late links of an older run. */
static struct rudpmsg_mark new_mark(const char *name)
{
	struct rudpmsg_mark mark;
	struct timespec now;

	memset(&mark, 0, sizeof mark);
	clock_gettime(CLOCK_REALTIME, &now);
	mark.run = (uint64_t)now.tv_sec << 24 | (uint64_t)now.tv_nsec >> 6;
	strcpy(mark.name, name);
	return mark;
}

static int read_mark(struct rudpmsg_disk *disk, MDB_txn *txn, const char *name,
		     struct rudpmsg_mark *mark, char *text)
{
	MDB_val key = {4, "mark"}, value;
	int rc = mdb_get(txn, disk->marks, &key, &value);

	if (rc)
		return complain(text, -EBADMSG,
				"the store has no mark: it is damaged, or no store");
	rc = rudpmsg_mark_read(value.mv_data, value.mv_size, mark);
	if (rc == -EPROTONOSUPPORT)
		return complain(text, rc, "the store is of another version of rudpmsg");
	if (rc < 0)
		return complain(text, rc, "the mark of the store is damaged");
	if (strcmp(mark->name, name) != 0)
		return complain(text, -EACCES, "the store is that of node %s, not of %s",
				mark->name, name);
	return 0;
}

/* Opens or creates the databases, and counts the new run. */
static int open_or_create(struct rudpmsg_disk *disk, MDB_txn *txn, const char *name, char *text)
{
	uint8_t bytes[RUDPMSG_MARK_BYTES_MAX];
	MDB_val key = {4, "mark"}, value = {0, bytes};
	bool fresh = is_new(txn);
	struct rudpmsg_mark mark = {0};
	int rc = open_databases(disk, txn, fresh ? MDB_CREATE : 0);

	if (rc)
		return complain(text, rc == MDB_NOTFOUND ? -EBADMSG : rudpmsg_disk_error(rc),
				"the file is no store of rudpmsg: %s", mdb_strerror(rc));
	if (fresh)
		mark = new_mark(name);
	else
		rc = read_mark(disk, txn, name, &mark, text);
	if (rc < 0)
		return rc;
	disk->run = ++mark.run;
	value.mv_size = rudpmsg_mark_write(bytes, &mark);
	rc = mdb_put(txn, disk->marks, &key, &value, 0);
	return rc ? complain(text, rudpmsg_disk_error(rc), "cannot write: %s", mdb_strerror(rc))
		  : 0;
}

static int begin_run(struct rudpmsg_disk *disk, const char *name, char *text)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(disk->env, NULL, 0, &txn);

	if (rc)
		return complain(text, rudpmsg_disk_error(rc), "cannot write: %s", mdb_strerror(rc));
	rc = open_or_create(disk, txn, name, text);
	if (rc < 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	return rc ? complain(text, rudpmsg_disk_error(rc), "cannot write: %s", mdb_strerror(rc))
		  : 0;
}

int rudpmsg_disk_open(struct rudpmsg_disk **out, const char *directory, const char *name,
		      uint64_t bytes_max, char text[RUDPMSG_ERROR_TEXT_SIZE])
{
	struct rudpmsg_disk *disk = calloc(1, sizeof *disk);
	int rc, dir_fd = -1;
	off_t size;

	*out = NULL;
	if (!disk)
		return complain(text, -ENOMEM, "no memory for a store");
	disk->lock_fd = -1;
	disk->bytes_max = bytes_max > DISK_FIRST_BYTES ? bytes_max : DISK_FIRST_BYTES;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		rc = complain(text, -errno, "cannot make the directory %s: %s", directory,
			      strerror(errno));
		goto close_disk;
	}
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) {
		rc = complain(text, -errno, "cannot open the directory %s: %s", directory,
			      strerror(errno));
		goto close_disk;
	}
	rc = check_place(dir_fd, directory, text);
	if (rc == 0)
		rc = take_lock(disk, dir_fd, directory, text);
	if (rc == 0)
		rc = check_file(dir_fd, directory, &size, text);
	if (rc == 0)
		rc = open_env(disk, directory, size, text);
	if (rc == 0)
		rc = begin_run(disk, name, text);
	/* Makes the file names and the directory itself durable. */
	if (rc == 0 && fsync(dir_fd) < 0)
		rc = complain(text, -errno, "cannot write in %s: %s", directory, strerror(errno));
	if (rc < 0)
		goto close_disk;
	close(dir_fd);
	*out = disk;
	return 0;

close_disk:
	if (dir_fd >= 0)
		close(dir_fd);
	rudpmsg_disk_close(disk);
	return rc;
}

void rudpmsg_disk_close(struct rudpmsg_disk *disk)
{
	if (!disk)
		return;
	if (disk->env)
		mdb_env_close(disk->env);
	/* Unlock explicitly: a child process that has not called exec yet still has the
	 * descriptor. */
	if (disk->lock_fd >= 0) {
		(void)flock(disk->lock_fd, LOCK_UN);
		close(disk->lock_fd);
	}
	free(disk);
}

uint64_t rudpmsg_disk_run(const struct rudpmsg_disk *disk)
{
	return disk->run;
}

/* ---- loading ---- */

struct loading {
	struct rudpmsg_hub *hub;
	MDB_txn *txn;
	MDB_cursor *peers, *sent, *received;
	uint64_t messages; /* messages that belong to a peer */
};

static int restore_sent(struct loading *loading, uint64_t peer, uint64_t id, const MDB_val *value)
{
	int rc = rudpmsg_sent_read(value->mv_data, value->mv_size, peer, id);

	return rc < 0 ? rc
		      : rudpmsg_hub_restore_sent(loading->hub, id,
						 (const uint8_t *)value->mv_data +
							 RUDPMSG_SENT_HEAD_BYTES,
						 value->mv_size - RUDPMSG_SENT_HEAD_BYTES);
}

static int restore_received(struct loading *loading, uint64_t peer, uint64_t number,
			    const MDB_val *value)
{
	struct rudpmsg_received record;
	int rc = rudpmsg_received_read(value->mv_data, value->mv_size, peer, number, &record);

	return rc < 0 ? rc : rudpmsg_hub_restore_received(loading->hub, number, &record);
}

/* Loads the messages of one peer from one of the two databases. */
static int load_messages(struct loading *loading, MDB_cursor *cursor, uint64_t peer,
			 int (*restore)(struct loading *, uint64_t, uint64_t, const MDB_val *))
{
	struct rudpmsg_disk_key at = rudpmsg_disk_key(peer, 0);
	MDB_val key = {sizeof at, &at}, value;
	uint64_t owner, number;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

	while (rc == 0) {
		if (!read_key(&key, KEY_BYTES, &owner, &number))
			return -EBADMSG;
		if (owner != peer)
			return 0;
		rc = restore(loading, peer, number, &value);
		if (rc < 0)
			return rc;
		loading->messages++;
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rudpmsg_disk_error(rc);
}

static int load_peers(struct loading *loading)
{
	struct rudpmsg_peer record;
	uint64_t peer, unused;
	MDB_val key, value;
	int rc = mdb_cursor_get(loading->peers, &key, &value, MDB_FIRST);

	while (rc == 0) {
		if (!read_key(&key, sizeof peer, &peer, &unused))
			return -EBADMSG;
		rc = rudpmsg_peer_read(value.mv_data, value.mv_size, peer, &record);
		if (rc == 0)
			rc = rudpmsg_hub_restore_peer(loading->hub, peer, &record);
		if (rc == 0)
			rc = load_messages(loading, loading->sent, peer, restore_sent);
		if (rc == 0)
			rc = load_messages(loading, loading->received, peer, restore_received);
		if (rc < 0)
			return rc;
		rc = mdb_cursor_get(loading->peers, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? 0 : rudpmsg_disk_error(rc);
}

/* Every message must belong to a peer: others would stay in the store for ever. */
static int check_counts(const struct rudpmsg_disk *disk, const struct loading *loading)
{
	MDB_stat sent, received;
	int rc = mdb_stat(loading->txn, disk->sent, &sent);

	if (rc == 0)
		rc = mdb_stat(loading->txn, disk->received, &received);
	if (rc)
		return rudpmsg_disk_error(rc);
	return loading->messages == sent.ms_entries + received.ms_entries ? 0 : -EBADMSG;
}

static int load(struct rudpmsg_disk *disk, struct loading *loading)
{
	int rc = mdb_cursor_open(loading->txn, disk->peers, &loading->peers);

	if (rc == 0)
		rc = mdb_cursor_open(loading->txn, disk->sent, &loading->sent);
	if (rc == 0)
		rc = mdb_cursor_open(loading->txn, disk->received, &loading->received);
	rc = rudpmsg_disk_error(rc);
	if (rc == 0)
		rc = load_peers(loading);
	if (rc == 0)
		rc = check_counts(disk, loading);
	return rc;
}

int rudpmsg_disk_load(struct rudpmsg_disk *disk, struct rudpmsg_hub *hub, int64_t now_at_ns,
		      char text[RUDPMSG_ERROR_TEXT_SIZE])
{
	struct loading loading = {.hub = hub};
	int rc = rudpmsg_disk_error(mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &loading.txn));

	if (rc == 0)
		rc = load(disk, &loading);
	if (loading.received)
		mdb_cursor_close(loading.received);
	if (loading.sent)
		mdb_cursor_close(loading.sent);
	if (loading.peers)
		mdb_cursor_close(loading.peers);
	if (loading.txn)
		mdb_txn_abort(loading.txn);
	if (rc == 0)
		rc = rudpmsg_hub_restore_end(hub, now_at_ns);
	if (rc == -EBADMSG)
		return complain(text, rc,
				"the store is damaged: its records contradict each other");
	if (rc == -ENFILE)
		return complain(text, rc,
				"the store has more connections with messages than "
				"limits.connections_max");
	return rc < 0 ? complain(text, rc, "cannot read the store: %s", strerror(-rc)) : 0;
}
