/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define HEADERS_MAX 128
#define NOTE_BYTES_MAX 4096
#define DYNAMIC_MAX 4096 /* a file with more entries is damaged */
#define DYNAMIC_CHUNK 64
#define GO_BUILD_ID 4 /* type of the note named "Go", which the Go linker writes */

/* The ELF header of this program. The linker defines the symbol. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Returns false if the file is too short. */
static bool read_at(int fd, uint64_t offset, void *out, size_t len)
{
	return offset <= INT64_MAX - len && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

static enum rudp_program_fault check_header(const ElfW(Ehdr) * header)
{
	if (header->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS])
		return RUDP_PROGRAM_OTHER_WORD_SIZE;
	if (header->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
	    header->e_machine != __ehdr_start.e_machine)
		return RUDP_PROGRAM_OTHER_MACHINE;
	if ((header->e_type != ET_EXEC && header->e_type != ET_DYN) ||
	    header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phnum == 0 ||
	    header->e_phnum > HEADERS_MAX)
		return RUDP_PROGRAM_DAMAGED;
	return RUDP_PROGRAM_NONE;
}

static bool read_interpreter(int fd, const ElfW(Phdr) * segment, struct rudp_elf *elf)
{
	size_t len = segment->p_filesz;

	/* The kernel requires a path that is not empty and ends with 0. */
	return len >= 2 && len <= sizeof elf->interpreter &&
	       read_at(fd, segment->p_offset, elf->interpreter, len) &&
	       elf->interpreter[len - 1] == 0;
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static bool has_go_note(const uint8_t *notes, size_t len)
{
	while (len >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) note;
		size_t size;

		memcpy(&note, notes, sizeof note);
		if (note.n_namesz > NOTE_BYTES_MAX || note.n_descsz > NOTE_BYTES_MAX)
			return false;
		size = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
		if (size > len)
			return false;
		if (note.n_type == GO_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(notes + sizeof note, "Go\0", 4) == 0)
			return true;
		notes += size;
		len -= size;
	}
	return false;
}

static void read_notes(int fd, const ElfW(Phdr) * segment, struct rudp_elf *elf)
{
	uint8_t notes[NOTE_BYTES_MAX];
	size_t len = segment->p_filesz < sizeof notes ? segment->p_filesz : sizeof notes;

	if (read_at(fd, segment->p_offset, notes, len) && has_go_note(notes, len))
		elf->is_go = true;
}

/* Counts the DT_NEEDED entries. Returns false if the end of the list was found. */
static bool count_libraries(const ElfW(Dyn) * entries, size_t count, struct rudp_elf *elf)
{
	for (size_t i = 0; i < count; i++) {
		if (entries[i].d_tag == DT_NULL)
			return false;
		elf->libraries += entries[i].d_tag == DT_NEEDED;
	}
	return true;
}

static bool read_dynamic(int fd, const ElfW(Phdr) * segment, struct rudp_elf *elf)
{
	ElfW(Dyn) entries[DYNAMIC_CHUNK];
	size_t count = segment->p_filesz / sizeof entries[0];
	uint64_t at = segment->p_offset;

	if (count > DYNAMIC_MAX)
		return false;
	while (count > 0) {
		size_t now = count < DYNAMIC_CHUNK ? count : DYNAMIC_CHUNK;

		if (!read_at(fd, at, entries, now * sizeof entries[0]))
			return false;
		if (!count_libraries(entries, now, elf))
			return true;
		count -= now;
		at += now * sizeof entries[0];
	}
	return true;
}

static bool read_segment(int fd, const ElfW(Phdr) * segment, struct rudp_elf *elf)
{
	switch (segment->p_type) {
	case PT_INTERP:
		return read_interpreter(fd, segment, elf);
	case PT_DYNAMIC:
		return read_dynamic(fd, segment, elf);
	case PT_NOTE:
		read_notes(fd, segment, elf);
		return true;
	default:
		return true;
	}
}

enum rudp_program_fault rudp_elf_read(int fd, struct rudp_elf *elf)
{
	ElfW(Phdr) segments[HEADERS_MAX];
	ElfW(Ehdr) header;
	enum rudp_program_fault fault;

	*elf = (struct rudp_elf){.libraries = 0};
	/*
	 * check_header() reads no further than e_machine here, which has the same offset in both
	 * word sizes.
	 */
	if (!read_at(fd, 0, &header, sizeof(Elf32_Ehdr)))
		return RUDP_PROGRAM_DAMAGED;
	fault = check_header(&header);
	if (fault == RUDP_PROGRAM_OTHER_WORD_SIZE || fault == RUDP_PROGRAM_OTHER_MACHINE)
		return fault;
	if (!read_at(fd, 0, &header, sizeof header) || check_header(&header) != RUDP_PROGRAM_NONE ||
	    !read_at(fd, header.e_phoff, segments, header.e_phnum * sizeof segments[0]))
		return RUDP_PROGRAM_DAMAGED;
	for (size_t i = 0; i < header.e_phnum; i++)
		if (!read_segment(fd, &segments[i], elf))
			return RUDP_PROGRAM_DAMAGED;
	return RUDP_PROGRAM_NONE;
}

/* Called first for the program itself. */
static int look_at_own(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)found =
				(const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1;
}

const char *rudp_elf_own_interpreter(void)
{
	const char *found = "";

	dl_iterate_phdr(look_at_own, &found);
	return found;
}
