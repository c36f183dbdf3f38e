/* SPDX-License-Identifier: MIT */
#include "engine/host/host_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/app/join.h"
#include "engine/control/private_dir.h"
#include "engine/host/thread_to_process.h"
#include "engine/loop/engine.h"
#include "engine/loop/loop.h"

#define STACK_BYTES (512 << 10)
#define EXIT_WAIT_S 8 /* longer than RUDP_DRAIN_MAX_NS and all tries to move before it */

static struct {
	atomic_int starter; /* pid of the process that is starting the engine; 0: none */
	struct rudp_engine engine;
	struct rudp_settings settings;
	struct rudp_thread_state thread;
	void *probe; /* for rudp_thread_state_init() */
	sem_t started, answered;
	int result;
	bool moved;         /* the engine is in another process */
	pid_t owner;        /* process with the engine thread, which fork does not copy; 0: none */
	atomic_bool ending; /* the program is ending */
	atomic_bool moving; /* a thread of the program waits for the move */
	bool *in_this_process; /* a fork sets it to false (MADV_WIPEONFORK) */
} host;

/* Gives the thread a table of its own, without the program's descriptors. */
static int unshare_descriptors(void)
{
	if (unshare(CLONE_FILES) < 0)
		return -errno;
	if (syscall(SYS_close_range, 0u, ~0u, 0u) < 0) {
		long last = sysconf(_SC_OPEN_MAX);

		for (int fd = 0; fd < (last > 0 ? last : 1024); fd++)
			close(fd);
	}
	for (int fd = 0; fd < 3; fd++)
		if (open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			break;
	return 0;
}

/*
 * Whether the program may change its user or its root directory, and with it this thread's. Without
 * a capability, and with one user id, a program with threads cannot.
 */
static bool may_lose_rights(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	uid_t real, effective, saved;

	if (syscall(SYS_capget, &header, sets) < 0 || getresuid(&real, &effective, &saved) < 0)
		return true;
	return sets[0].permitted || sets[1].permitted || real != effective || real != saved;
}

/*
 * The listeners of such a program get paths, which the engine calls through its working directory.
 * A program that changes its root directory must not find a thread whose directory is outside.
 */
static bool unshare_working_directory(void)
{
	if (may_lose_rights() || unshare(CLONE_FS) < 0)
		return false;
	umask(S_IRWXG | S_IRWXO);
	return true;
}

static int prepare(void)
{
	int rc = unshare_descriptors();
	bool may_enter;

	if (rc < 0)
		return rc;
	may_enter = unshare_working_directory();
	(void)rudp_log_file_open(&host.settings); /* without a file there is no log */
	rudp_thread_state_init(&host.thread, host.probe);
	rc = rudp_engine_init(&host.engine, &host.settings);
	host.engine.stays = true;
	host.engine.may_lose_rights = !may_enter;
	if (rc < 0 || !may_enter)
		return rc;
	rudp_join_open(&host.engine);
	rudp_private_dir_enter_descriptors();
	return 0;
}

/*
 * Moves to a process everything that is still in use. If that fails and the program ends, the
 * engine delivers what was written. If it fails and the program may go on, the engine serves it as
 * before.
 */
static bool move(void)
{
	bool ends = atomic_load(&host.ending);

	if (!rudp_engine_is_idle(&host.engine) &&
	    rudp_thread_to_process(&host.engine, &host.thread, ends) == 0)
		return true;
	if (ends)
		rudp_engine_stop(&host.engine);
	else
		sem_post(&host.answered);
	return false;
}

static void serve(void)
{
	do {
		rudp_engine_run(&host.engine);
		host.moved = atomic_exchange(&host.engine.leave_wanted, false) && move();
	} while (!host.moved && !host.engine.over);
}

static void *thread_main(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "rudp-engine"); /* for ps -L and top -H */
	host.result = prepare();
	explicit_bzero(&host.settings, sizeof host.settings);
	sem_post(&host.started);
	if (host.result < 0)
		return NULL;
	serve();
	sem_post(&host.answered);
	return NULL;
}

static int create_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, saved;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* The program does not know this thread, which must not receive its signals. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	rc = pthread_create(&thread, &attr, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

static void mark_process(void)
{
	if (!host.in_this_process) {
		void *page = mmap(NULL, sizeof *host.in_this_process, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			return;
		if (madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) < 0) {
			munmap(page, sizeof *host.in_this_process);
			return;
		}
		host.in_this_process = page;
	}
	*host.in_this_process = true;
}

static int start(char *(*get)(const char *name))
{
	char text[RUDP_SETTINGS_TEXT_SIZE];
	int rc;

	/*
	 * Before the keys are read: otherwise exit() would clean up libcrypto while the thread uses
	 * it.
	 */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	switch (rudp_settings_load(&host.settings, get, geteuid(), text)) {
	case RUDP_SETTINGS_OK:
		break;
	case RUDP_SETTINGS_BAD_KEY:
		rudp_settings_complain(&host.settings, text);
		return -ENOKEY;
	case RUDP_SETTINGS_BAD_VALUE:
		rudp_settings_complain(&host.settings, text);
		return -ENOTSUP;
	}
	sem_init(&host.started, 0, 0);
	sem_init(&host.answered, 0, 0);
	atomic_store(&host.ending, false);
	atomic_store(&host.moving, false);
	host.moved = false;
	if (!host.probe)
		host.probe = malloc(RUDP_MOVE_PROBE_BYTES);
	at_quick_exit(rudp_engine_stop_thread);
	rc = create_thread();
	if (rc < 0)
		return rc;
	mark_process();
	while (sem_wait(&host.started) < 0 && errno == EINTR)
		;
	return host.result;
}

/*
 * A lock that records its holder's pid. If a process forks while a thread holds it, that thread
 * does not exist in the child, where the lock counts as free.
 */
static void begin_start(void)
{
	int self = getpid();
	int holder = 0;

	while (!atomic_compare_exchange_strong(&host.starter, &holder, self))
		if (holder == self) {
			syscall(SYS_futex, &host.starter, FUTEX_WAIT_PRIVATE, self, NULL, NULL, 0);
			holder = 0;
		}
}

static void end_start(void)
{
	atomic_store(&host.starter, 0);
	syscall(SYS_futex, &host.starter, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int rudp_engine_start_thread(char *(*get)(const char *name), struct rudp_nonce *nonce,
			     uint8_t token[RUDP_TOKEN_BYTES])
{
	int rc = -EALREADY;

	begin_start();
	if (host.owner != getpid())
		rc = start(get);
	if (rc == 0)
		host.owner = getpid();
	if (rc == 0 || rc == -EALREADY) {
		*nonce = host.engine.nonce;
		memcpy(token, host.engine.token, RUDP_TOKEN_BYTES);
		rc = 0;
	}
	end_start();
	return rc;
}

/* Wakes the engine by a connection to its control listener, as its descriptors are in another
 * table. */
static int connect_to_listener(void)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL, .nonce = host.engine.nonce};
	struct sockaddr_un un;
	socklen_t len = rudp_name_write(&name, &un);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Wakes the engine and waits until it has answered. false: it could not be reached. */
static bool wake_and_wait(void)
{
	struct timespec deadline;
	int fd = connect_to_listener();
	int rc;

	if (fd < 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += EXIT_WAIT_S;
	while ((rc = sem_clockwait(&host.answered, CLOCK_MONOTONIC, &deadline)) < 0 &&
	       errno == EINTR)
		;
	close(fd);
	return rc == 0;
}

/* Makes no system call if there is no engine: a forked child may be under a filter that kills
 * it. */
static bool has_engine(void)
{
	return host.in_this_process && *host.in_this_process && host.owner == getpid();
}

void rudp_engine_move_thread(void)
{
	if (!has_engine() || atomic_load(&host.ending) || atomic_exchange(&host.moving, true))
		return;
	atomic_store(&host.engine.leave_wanted, true);
	if (wake_and_wait() && host.moved) {
		/* The next socket that does not find that process starts another engine here. */
		*host.in_this_process = false;
		host.owner = 0;
	}
	atomic_store(&host.moving, false);
}

__attribute__((destructor)) void rudp_engine_stop_thread(void)
{
	/* exit() may follow quick_exit(): once is enough. */
	if (!has_engine() || atomic_exchange(&host.ending, true))
		return;
	atomic_store(&host.engine.leave_wanted, true);
	(void)wake_and_wait();
}
