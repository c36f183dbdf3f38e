/* SPDX-License-Identifier: MIT */
/*
 * private_dir - makes the user's private directory (api/run_dir.h), listens in it, and gives the
 * listeners of programs names that only the engine can connect to.
 *
 * Sockets of killed engines remain as files. An engine removes them when it starts. A lock on the
 * directory (flock(2)) prevents that two engines take one name, and that one engine removes
 * another's new file as an old one. If another process of the user keeps the lock, an engine goes
 * on without it after RUDP_PRIVATE_DIR_LOCK_NS. Then it removes at most an old file of the name
 * that it takes.
 */
#ifndef RUDP_ENGINE_PRIVATE_DIR_H
#define RUDP_ENGINE_PRIVATE_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "api/run_dir.h"
#include "base/time.h"

#define RUDP_PRIVATE_DIR_CLEAN_MAX 1024 /* directory entries checked at one start */
/* A holder needs some milliseconds at most. A start must take less than 0.2 s. */
#define RUDP_PRIVATE_DIR_LOCK_NS (100 * RUDP_NS_PER_MS)

/* Makes the first usable directory of the candidates. false: there is none, and dir is "". */
bool rudp_private_dir_make(uint32_t uid, char dir[RUDP_RUN_DIR_SIZE]);
/* Removes socket files that no process has open any more. */
void rudp_private_dir_clean(const char *dir);

/*
 * Binds fd to un, a path in dir, and listens there.
 *
 * Returns  0; -EADDRINUSE: another engine listens there; -errno.
 */
int rudp_private_dir_listen(const char *dir, int fd, const struct sockaddr_un *un, socklen_t len,
			    int backlog);
/* The inode number of the file that the socket fd is bound to; 0: the path does not exist. */
uint64_t rudp_private_dir_inode(int fd);
/* Removes the file that the socket fd is bound to, unless another engine has replaced it. */
void rudp_private_dir_remove(int fd, uint64_t inode);

/*
 * Binds a program's socket to un, a path in dir, and removes the path again. Only a process with
 * the descriptor that this returns (O_PATH) can connect to the socket, and no file remains.
 *
 * Returns  the descriptor, which the caller closes; or -errno. After -EOWNERDEAD fd is bound, but
 *          no process can connect to it.
 */
int rudp_private_dir_bind(const char *dir, int fd, const struct sockaddr_un *un, socklen_t len);
/*
 * Makes the /proc directory of the calling thread's descriptors its working directory, which no
 * thread of a program may share. To connect to a program's listener the kernel then looks up one
 * name instead of five. That takes 2.9 % instead of 4.7 % of the engine's time at connection setup.
 *
 * Threads  The thread that calls this must be the only one that uses these addresses afterwards. A
 *          fork has to call this again.
 */
void rudp_private_dir_enter_descriptors(void);
/* The address that connects to a socket by that descriptor; valid only in this thread. */
socklen_t rudp_private_dir_address(int path_fd, struct sockaddr_un *un);
/* Whether any process still has that socket open. probe_fd: a SOCK_DGRAM socket. */
bool rudp_private_dir_is_open(int path_fd, int probe_fd);

#endif
