/* SPDX-License-Identifier: MIT */
/* Program files, which rudp run looks into: nothing in them is trusted. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../tools/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct rudp_elf elf;

	if (fd < 0)
		fd = memfd_create("elf", MFD_CLOEXEC);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	if (rudp_elf_read(fd, &elf) == RUDP_PROGRAM_NONE)
		assert(memchr(elf.interpreter, 0, sizeof elf.interpreter));
	return 0;
}
