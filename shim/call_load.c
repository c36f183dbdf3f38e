/* SPDX-License-Identifier: MIT */
/*
 * dlopen without RTLD_DEEPBIND. A library that is loaded with this flag finds libc's functions
 * before those of the shim. So its connections would be plain TCP in spite of a key, and libc's
 * functions would show it the sockets of the program as AF_UNIX. PHP loads its extensions so.
 */
#include <dlfcn.h>

#include "real.h"

/*
 * libc searches the RUNPATH of the library that its return address is in. So libc's function must
 * be entered by a jump, which a compiler that does not optimize would not make by itself.
 */
#ifdef __clang__
#define JUMPS
#define JUMP __attribute__((musttail))
#else
#define JUMPS __attribute__((optimize("O2")))
#define JUMP
#endif

RUDP_EXPORT JUMPS void *dlopen(const char *file, int mode)
{
	JUMP return REAL(dlopen)(file, mode & ~RTLD_DEEPBIND);
}
