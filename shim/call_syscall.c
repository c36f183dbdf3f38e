/* SPDX-License-Identifier: MIT */
/*
 * syscall(2). It interposes the numbers of socket control calls, because older versions of libuv
 * call accept4 this way, and seccomp(2), which libc has under no other name and which filtered.h
 * must notice. Every other number goes to the kernel unchanged: refusing unknown numbers has broken
 * programs. On x86-64 this path has the same instructions as libc, without a stack frame: a raw
 * clone with a stack of its own must return where it would return from libc.
 */
#include <stdarg.h>
#include <sys/syscall.h>

#include "api/raw_syscall.h"
#include "filtered.h"
#include "real.h"

/* clang-format off */
#define CONTROL_NUMBERS(X)                                                                         \
	X(SYS_socket) X(SYS_connect) X(SYS_shutdown) X(SYS_bind) X(SYS_listen) X(SYS_accept)       \
	X(SYS_accept4) X(SYS_getsockname) X(SYS_getpeername) X(SYS_setsockopt) X(SYS_getsockopt)   \
	X(SYS_seccomp)
/* clang-format on */

long rudp_syscall_control(long number, long a, long b, long c, long d, long e);

__attribute__((used)) long rudp_syscall_control(long number, long a, long b, long c, long d, long e)
{
	switch (number) {
	case SYS_socket:
		return socket((int)a, (int)b, (int)c);
	case SYS_connect:
		return connect((int)a, (const struct sockaddr *)b, (socklen_t)c);
	case SYS_shutdown:
		return shutdown((int)a, (int)b);
	case SYS_bind:
		return bind((int)a, (const struct sockaddr *)b, (socklen_t)c);
	case SYS_listen:
		return listen((int)a, (int)b);
	case SYS_accept:
		return accept((int)a, (struct sockaddr *)b, (socklen_t *)c);
	case SYS_accept4:
		return accept4((int)a, (struct sockaddr *)b, (socklen_t *)c, (int)d);
	case SYS_getsockname:
		return getsockname((int)a, (struct sockaddr *)b, (socklen_t *)c);
	case SYS_getpeername:
		return getpeername((int)a, (struct sockaddr *)b, (socklen_t *)c);
	case SYS_setsockopt:
		return setsockopt((int)a, (int)b, (int)c, (const void *)d, (socklen_t)e);
	case SYS_getsockopt:
		return getsockopt((int)a, (int)b, (int)c, (void *)d, (socklen_t *)e);
	case SYS_seccomp:
		return rudp_filtered_seccomp((unsigned)a, (unsigned)b, (void *)c);
	default:
		return rudp_result(-ENOSYS);
	}
}

#if defined(__x86_64__) && !defined(__ILP32__)

long rudp_syscall_failed(long rc);

__attribute__((used)) long rudp_syscall_failed(long rc)
{
	return rudp_result(rc);
}

#define NUMBER_FIRST 41 /* SYS_socket */
#define NUMBER_SPAN 14  /* to SYS_getsockopt */
#define NUMBER_ACCEPT4 288
#define NUMBER_SECCOMP 317
#define NUMBER_MASK 0x6f87 /* a bit for each interposed number, counted from SYS_socket */

#define IN_MASK(number)                                                                            \
	_Static_assert((number) == NUMBER_ACCEPT4 || (number) == NUMBER_SECCOMP ||                 \
			       NUMBER_MASK >> ((number)-NUMBER_FIRST) & 1,                         \
		       "the mask knows each control number");
CONTROL_NUMBERS(IN_MASK)
#undef IN_MASK

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* clang-format off */
__asm__(".text\n"
	".globl syscall\n"
	".type syscall, @function\n"
	"syscall:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	cmpq $" TEXT(NUMBER_ACCEPT4) ", %rdi\n"
	"	je rudp_syscall_control\n"
	"	cmpq $" TEXT(NUMBER_SECCOMP) ", %rdi\n"
	"	je rudp_syscall_control\n"
	"	leaq -" TEXT(NUMBER_FIRST) "(%rdi), %rax\n"
	"	cmpq $" TEXT(NUMBER_SPAN) ", %rax\n"
	"	ja 1f\n"
	"	movl $" TEXT(NUMBER_MASK) ", %r11d\n"
	"	btq %rax, %r11\n"
	"	jc rudp_syscall_control\n"
	"1:	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	movq %rdx, %rsi\n"
	"	movq %rcx, %rdx\n"
	"	movq %r8, %r10\n"
	"	movq %r9, %r8\n"
	"	movq 8(%rsp), %r9\n"
	"	syscall\n"
	"	cmpq $-4095, %rax\n"
	"	jae 2f\n"
	"	ret\n"
	"2:	movq %rax, %rdi\n"
	"	jmp rudp_syscall_failed\n"
	"	.cfi_endproc\n"
	".size syscall, .-syscall\n");
/* clang-format on */

#else

RUDP_EXPORT long syscall(long number, ...)
{
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	switch (number) {
#define CASE(control) case control:
		CONTROL_NUMBERS(CASE)
#undef CASE
		return rudp_syscall_control(number, a[0], a[1], a[2], a[3], a[4]);
	default:
		return rudp_result(rudp_raw_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]));
	}
}

#endif
