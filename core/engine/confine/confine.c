/* SPDX-License-Identifier: MIT */
#include "engine/confine/confine.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

static const char *const texts[] = {
#define TEXT(name, text) text,
	RUDP_CONFINEMENTS(TEXT)
#undef TEXT
};

/*
 * The engine needs these to bind ports below 1024, to set SO_MARK and large buffers for programs
 * that may, to read key files that only root may read, and to have more descriptors in flight than
 * RLIMIT_NOFILE (unix(7), ETOOMANYREFS). It keeps only those that it already had.
 */
static const unsigned engine_needs[] = {CAP_NET_BIND_SERVICE, CAP_NET_ADMIN,
					CAP_NET_RAW,          CAP_DAC_OVERRIDE,
					CAP_DAC_READ_SEARCH,  CAP_SYS_RESOURCE};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool keep_capabilities(bool for_supervisor)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t needed[_LINUX_CAPABILITY_U32S_3] = {0};

	for (size_t i = 0; i < COUNT(engine_needs); i++)
		needed[CAP_TO_INDEX(engine_needs[i])] |= CAP_TO_MASK(engine_needs[i]);
	if (for_supervisor) /* to read /proc of a program that has more capabilities (ptrace(2)) */
		needed[CAP_TO_INDEX(CAP_SYS_PTRACE)] |= CAP_TO_MASK(CAP_SYS_PTRACE);
	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	for (size_t i = 0; i < COUNT(data); i++) {
		data[i].permitted &= needed[i];
		data[i].effective &= needed[i];
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) == 0;
}

static uint32_t confine_rights(bool for_supervisor)
{
	uint32_t in_force = RUDP_CONFINE_KNOWN;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		in_force |= RUDP_CONFINE_BIT(RUDP_CONFINE_PRIVILEGES);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
		in_force |= RUDP_CONFINE_BIT(RUDP_CONFINE_MEMORY);
	if (keep_capabilities(for_supervisor))
		in_force |= RUDP_CONFINE_BIT(RUDP_CONFINE_CAPABILITIES);
	return in_force;
}

const char *rudp_confine_list(uint32_t in_force, bool which, char text[RUDP_CONFINE_TEXT_SIZE])
{
	size_t len = 0;

	text[0] = 0;
	for (unsigned i = 0; i < RUDP_CONFINE_COUNT; i++)
		if (which == !!(in_force & RUDP_CONFINE_BIT(i)))
			len += (size_t)snprintf(text + len, RUDP_CONFINE_TEXT_SIZE - len, "%s%s",
						len ? ", " : "", texts[i]);
	return text;
}

static void report(const struct rudp_confinement *confinement)
{
	char text[RUDP_CONFINE_TEXT_SIZE];

	rudp_log(RUDP_LOG_INFO, "confined: %s",
		 rudp_confine_list(confinement->in_force, true, text));
	if (confinement->files_error)
		rudp_log(RUDP_LOG_WARN, "files are not confined, Landlock: %s",
			 strerrordesc_np(confinement->files_error));
	if (confinement->calls_error)
		rudp_log(RUDP_LOG_WARN, "system calls are not confined, seccomp: %s",
			 strerrordesc_np(confinement->calls_error));
}

void rudp_confine_engine(struct rudp_confinement *confinement, const struct rudp_settings *settings,
			 const char *run_dir)
{
	*confinement = (struct rudp_confinement){.in_force = RUDP_CONFINE_KNOWN | RUDP_CONFINE_OFF};
	if (settings->confine_off)
		return;
	confinement->in_force = confine_rights(false);
	confinement->files_error = -rudp_confine_files(settings, run_dir);
	if (!confinement->files_error)
		confinement->in_force |= RUDP_CONFINE_BIT(RUDP_CONFINE_FILES);
	/* Last: it blocks system calls that the other steps need. */
	confinement->calls_error = -rudp_confine_calls(false);
	if (!confinement->calls_error)
		confinement->in_force |= RUDP_CONFINE_BIT(RUDP_CONFINE_CALLS);
	report(confinement);
}

void rudp_confine_supervisor(const struct rudp_settings *settings)
{
	static bool is_done; /* a successor's supervisor is forked from this one and inherits all */

	if (is_done || settings->confine_off)
		return;
	is_done = true;
	(void)confine_rights(true);
	(void)rudp_confine_calls(true);
}
