/* SPDX-License-Identifier: MIT */
/* The kernel, the limits and the confinement of this process. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/mark.h"
#include "api/names.h"
#include "api/start_limits.h"
#include "doctor.h"
#include "engine/config/aead_choice.h"
#include "proto/crypto/aead.h"

static void check_mark(struct rudp_report *report)
{
	const struct rudp_option option = {.level = SOL_SOCKET, .option = SO_KEEPALIVE, .value = 1};
	struct rudp_stored_options stored = {.count = 0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && rudp_mark_set(fd, 0) == 0 && rudp_mark_get(fd) == 0 &&
		  rudp_stored_options_put(fd, &option) == 0 &&
		  rudp_stored_options_get(fd, &stored) == 0 && stored.count == 1;

	if (ok)
		rudp_report_add(report, RUDP_DOCTOR_OK, "socket-marks", NULL,
				"marks and options on a socket can be written and read back");
	else
		rudp_report_add(
			report, RUDP_DOCTOR_FAIL, "socket-marks", NULL,
			"SO_MAX_PACING_RATE or SO_ATTACH_FILTER cannot be written and read back "
			"(%s): rudp cannot work with this kernel or in this sandbox",
			strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void check_urgent(struct rudp_report *report)
{
	int ends[2] = {-1, -1};
	char byte = 0;
	bool ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 &&
		  send(ends[0], "u", 1, MSG_OOB) == 1 && recv(ends[1], &byte, 1, MSG_OOB) == 1;

	rudp_report_add(report, ok ? RUDP_DOCTOR_OK : RUDP_DOCTOR_WARN, "urgent-data", NULL,
			ok ? "MSG_OOB works on AF_UNIX sockets"
			   : "MSG_OOB does not work on AF_UNIX sockets (it needs Linux "
			     "5.15): urgent bytes, which telnet and ftp use, are not transferred");
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
}

void rudp_doctor_kernel(struct rudp_report *report)
{
	struct utsname name = {.release = "?"};
	int fd;

	uname(&name);
	fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd >= 0)
		rudp_report_add(report, RUDP_DOCTOR_OK, "kernel", NULL, "Linux %s", name.release);
	else
		rudp_report_add(
			report, RUDP_DOCTOR_WARN, "kernel", NULL,
			"Linux %s has no pidfd_open (it needs 5.3), or a sandbox forbids it: "
			"engines end and start more often than necessary",
			name.release);
	if (fd >= 0)
		close(fd);
	check_mark(report);
	check_urgent(report);
}

static void check_files(struct rudp_report *report)
{
	struct rlimit limit = {0, 0};

	getrlimit(RLIMIT_NOFILE, &limit);
	/* An engine raises its own soft limit to the hard one; each connection needs one
	 * descriptor. */
	if (limit.rlim_max >= RUDP_FILES_FEW)
		rudp_report_add(report, RUDP_DOCTOR_OK, "open-files", NULL,
				"an engine may open %ju descriptors, one for each connection",
				(uintmax_t)limit.rlim_max);
	else
		rudp_report_add(report, RUDP_DOCTOR_WARN, "open-files",
				"ulimit -Hn 1048576   # as root, or LimitNOFILE= of the service",
				"an engine may open only %ju descriptors, one for each connection",
				(uintmax_t)limit.rlim_max);
}

/* The limit counts the threads of all processes of this user. */
static void check_tasks(struct rudp_report *report)
{
	struct rlimit limit = {0, 0};

	getrlimit(RLIMIT_NPROC, &limit);
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= RUDP_TASKS_FEW)
		rudp_report_add(report, RUDP_DOCTOR_OK, "processes", NULL,
				"an engine is one more process; the limit allows %s",
				limit.rlim_cur == RLIM_INFINITY ? "any number" : "enough");
	else
		rudp_report_add(report, RUDP_DOCTOR_WARN, "processes",
				"ulimit -u 4096   # or TasksMax= of the service",
				"only %ju processes are allowed, and an engine is one more",
				(uintmax_t)limit.rlim_cur);
}

/* Root's engine raises most of them. */
static void check_sharing(struct rudp_report *report)
{
	char text[RUDP_START_LIMITS_TEXT_SIZE];

	if (geteuid() != 0 && rudp_start_limits())
		rudp_report_add(
			report, RUDP_DOCTOR_NOTE, "shared-engine", NULL,
			"small limits (%s): an engine that is started with them serves only "
			"programs with the same limits",
			rudp_start_limits_text(text));
}

void rudp_doctor_limits(struct rudp_report *report)
{
	check_sharing(report);
	check_files(report);
	check_tasks(report);
}

/* The name is free: the nonce of a real engine is random. */
static void check_abstract(struct rudp_report *report)
{
	struct rudp_name name = {.kind = RUDP_NAME_CONTROL};
	struct sockaddr_un un;
	socklen_t len;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int caller = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid = getpid();
	bool ok;

	memcpy(name.nonce.bytes, &pid, sizeof pid);
	len = rudp_name_write(&name, &un);
	ok = bind(listener, (struct sockaddr *)&un, len) == 0 && listen(listener, 1) == 0 &&
	     connect(caller, (struct sockaddr *)&un, len) == 0;
	if (ok)
		rudp_report_add(report, RUDP_DOCTOR_OK, "abstract-names", NULL,
				"abstract AF_UNIX names can be bound and reached");
	else
		rudp_report_add(report, RUDP_DOCTOR_FAIL, "abstract-names",
				"allow AF_UNIX (RestrictAddressFamilies=AF_UNIX ... of "
				"the service; `unix,' in its AppArmor profile)",
				"abstract AF_UNIX names cannot be used (%s): programs "
				"cannot reach their engine",
				strerror(errno));
	if (listener >= 0)
		close(listener);
	if (caller >= 0)
		close(caller);
}

static bool read_link(const char *path, char *target, size_t size)
{
	ssize_t len = readlink(path, target, size - 1);

	target[len > 0 ? len : 0] = 0;
	return len > 0;
}

static void check_namespaces(struct rudp_report *report)
{
	char own[64], first[64];

	if (!read_link("/proc/self/ns/net", own, sizeof own) ||
	    !read_link("/proc/1/ns/net", first, sizeof first))
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "namespaces", NULL,
				"the network namespace cannot be identified; rudp ss "
				"shows only the engines of its own");
	else if (strcmp(own, first) == 0)
		rudp_report_add(report, RUDP_DOCTOR_OK, "namespaces", NULL,
				"this is the network namespace of the system");
	else
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "namespaces", NULL,
				"this is a separate network namespace: it has its own engines, and "
				"rudp ss shows only those");
}

static int seccomp_mode(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	int mode = -1;

	while (status && mode < 0 && fgets(line, sizeof line, status))
		if (sscanf(line, "Seccomp: %d", &mode) != 1)
			mode = -1;
	if (status)
		fclose(status);
	return mode;
}

static void check_seccomp(struct rudp_report *report)
{
	if (seccomp_mode() == 2)
		rudp_report_add(
			report, RUDP_DOCTOR_NOTE, "seccomp", NULL,
			"a system call filter is active; if the self-test fails, the filter "
			"must allow socket(AF_UNIX), sendmsg, setsockopt, clone and execve");
	else
		rudp_report_add(report, RUDP_DOCTOR_OK, "seccomp", NULL, "no system call filter");
}

/* The shim does not see requests made through io_uring. */
static void check_io_uring(struct rudp_report *report)
{
	char line[16] = "";

	if (rudp_read_line("/proc/sys/kernel/io_uring_disabled", line, sizeof line) &&
	    line[0] == '2')
		rudp_report_add(report, RUDP_DOCTOR_OK, "io_uring", NULL, "io_uring is disabled");
	else
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "io_uring", NULL,
				"sockets that a program opens through io_uring "
				"stay TCP, and rudp sockets cannot be connected through it");
}

void rudp_doctor_confinement(struct rudp_report *report)
{
	check_abstract(report);
	check_namespaces(report);
	check_seccomp(report);
	check_io_uring(report);
}

static void check_aead(struct rudp_report *report)
{
	char why[RUDP_AEAD_WHY_SIZE];

	if (rudp_aead_load_mb(why))
		rudp_report_add(report, RUDP_DOCTOR_OK, "aead", NULL, "%s", why);
	else
		rudp_report_add(report, RUDP_DOCTOR_NOTE, "aead", NULL,
				"packets are encrypted by libcrypto; %s", why);
}

void rudp_doctor_machine(struct rudp_report *report)
{
	char source[64] = "";

	if (rudp_cipher_preferred() == RUDP_CIPHER_AES_256_GCM)
		rudp_report_add(report, RUDP_DOCTOR_OK, "cipher", NULL,
				"the processor has AES instructions: AES-256-GCM");
	else
		rudp_report_add(
			report, RUDP_DOCTOR_NOTE, "cipher", NULL,
			"the processor has no AES instructions: ChaCha20-Poly1305, which is "
			"slower");
	check_aead(report);
	rudp_read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		       sizeof source);
	if (strcmp(source, "hpet") == 0 || strcmp(source, "acpi_pm") == 0 ||
	    strcmp(source, "jiffies") == 0)
		rudp_report_add(
			report, RUDP_DOCTOR_WARN, "clock",
			"echo tsc > "
			"/sys/devices/system/clocksource/clocksource0/current_clocksource   # "
			"as root, if the kernel trusts that clock",
			"reading the clock source %s is slow, which reduces speed", source);
	else
		rudp_report_add(
			report, RUDP_DOCTOR_OK, "clock", NULL, "%s",
			source[0]
				? source
				: "the kernel does not report the clock source, which is harmless");
}
