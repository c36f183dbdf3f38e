/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/program.h"
#include "files.h"

TestSuite(program, .init = files_init, .fini = files_fini);

#define SEGMENTS 4

/* The smallest possible executable file: headers, and the data that they point to. */
struct image {
	ElfW(Ehdr) header;
	ElfW(Phdr) segments[SEGMENTS];
	char interpreter[64];
	ElfW(Dyn) dynamic[4];
	struct {
		ElfW(Nhdr) head;
		char name[4];
		char text[8];
	} note;
};

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void point(struct image *image, unsigned index, ElfW(Word) type, const void *what,
		  size_t len)
{
	image->segments[index].p_type = type;
	image->segments[index].p_offset = (ElfW(Off))((const char *)what - (const char *)image);
	image->segments[index].p_filesz = len;
}

/* Like a usual program of this machine: it has an interpreter and needs one library. */
static struct image usual(void)
{
	struct image image;

	memset(&image, 0, sizeof image);
	memcpy(image.header.e_ident, __ehdr_start.e_ident, EI_NIDENT);
	image.header.e_machine = __ehdr_start.e_machine;
	image.header.e_type = ET_DYN;
	image.header.e_phoff = sizeof image.header;
	image.header.e_phentsize = sizeof image.segments[0];
	image.header.e_phnum = SEGMENTS;
	strcpy(image.interpreter, rudp_elf_own_interpreter());
	point(&image, 0, PT_INTERP, image.interpreter, strlen(image.interpreter) + 1);
	image.dynamic[0].d_tag = DT_NEEDED;
	point(&image, 1, PT_DYNAMIC, image.dynamic, sizeof image.dynamic);
	return image;
}

static void make_go(struct image *image)
{
	image->note.head = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = 8, .n_type = 4};
	memcpy(image->note.name, "Go\0", 4);
	point(image, 2, PT_NOTE, &image->note, sizeof image->note);
}

static struct rudp_program program;
static struct rudp_program_caller caller;

static enum rudp_program_fault check(const char *path)
{
	caller = rudp_program_caller_self();
	return rudp_program_check(&program, path, getenv("PATH"), &caller);
}

static enum rudp_program_fault check_image(const struct image *image, size_t len)
{
	return check(files_make("program", image, len, 0755));
}

Test(program, a_usual_program_is_fit_by_path_and_by_name)
{
	cr_assert(eq(int, check("/bin/sh"), RUDP_PROGRAM_NONE));
	cr_assert(eq(int, check("sh"), RUDP_PROGRAM_NONE));
	cr_assert(not(program.is_go));
	cr_assert(eq(int, check("/proc/self/exe"), RUDP_PROGRAM_NONE));
}

Test(program, the_crafted_one_is_fit_too)
{
	struct image image = usual();

	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_NONE));
}

Test(program, what_is_not_there_or_no_program_is_told_apart)
{
	char deep[256];

	cr_assert(eq(int, check("/nowhere/at/all"), RUDP_PROGRAM_MISSING));
	cr_assert(eq(int, check("surely-no-such-program"), RUDP_PROGRAM_MISSING));
	cr_assert(eq(int, check(""), RUDP_PROGRAM_MISSING));
	cr_assert(eq(int, check("/tmp"), RUDP_PROGRAM_DIRECTORY));
	cr_assert(eq(int, check(files_text("plain", "#!/bin/sh\n", 0644)),
		     RUDP_PROGRAM_NOT_EXECUTABLE));
	snprintf(deep, sizeof deep, "%s/more", files_path("plain"));
	cr_assert(eq(int, check(deep), RUDP_PROGRAM_MISSING));
}

Test(program, the_first_executable_of_the_path_is_found_and_an_unfit_one_named_if_alone)
{
	char search[256];

	mkdir(files_path("first"), 0755);
	files_text("first/thing", "#!/bin/sh\n", 0644);
	snprintf(search, sizeof search, "%s:%s", files_path("first"), files_path("."));
	caller = rudp_program_caller_self();
	cr_assert(eq(int, rudp_program_check(&program, "thing", search, &caller),
		     RUDP_PROGRAM_NOT_EXECUTABLE));
	files_text("thing", "#!/bin/sh\n", 0755);
	cr_assert(
		eq(int, rudp_program_check(&program, "thing", search, &caller), RUDP_PROGRAM_NONE));
	cr_assert(eq(str, program.path, (char *)files_path("./thing")));
}

Test(program, without_an_interpreter_it_is_static)
{
	struct image image = usual();

	image.segments[0].p_type = PT_NULL;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_STATIC));
	image.header.e_type = ET_EXEC;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_STATIC));
}

Test(program, go_is_named_whether_static_or_not_unless_it_has_libraries)
{
	struct image image = usual();

	make_go(&image);
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_NONE));
	cr_assert(program.is_go);
	image.dynamic[0].d_tag = DT_NULL;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_GO));
	image.segments[0].p_type = PT_NULL;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_GO));
}

Test(program, without_libraries_there_is_no_libc)
{
	struct image image = usual();

	image.dynamic[0].d_tag = DT_NULL;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_NO_LIBC));
}

Test(program, another_loader_is_another_libc)
{
	struct image image = usual();

	strcpy(image.interpreter, "/lib/ld-musl-x86_64.so.1");
	image.segments[0].p_filesz = strlen(image.interpreter) + 1;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_OTHER_LIBC));
	cr_assert(eq(str, program.detail, "/lib/ld-musl-x86_64.so.1"));
}

Test(program, our_loader_where_there_is_none_is_a_missing_interpreter)
{
	struct image image = usual();

	snprintf(image.interpreter, sizeof image.interpreter, "/no%s", rudp_elf_own_interpreter());
	image.segments[0].p_filesz = strlen(image.interpreter) + 1;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_NO_INTERPRETER));
}

Test(program, another_word_size_or_machine_is_named)
{
	struct image image = usual();

	image.header.e_machine = EM_68K;
	cr_assert(eq(int, check_image(&image, sizeof image), RUDP_PROGRAM_OTHER_MACHINE));
	image = usual();
	image.header.e_ident[EI_CLASS] ^= ELFCLASS32 ^ ELFCLASS64;
	/* As long as the headers of the smaller word size. */
	cr_assert(eq(int, check_image(&image, sizeof(Elf32_Ehdr)), RUDP_PROGRAM_OTHER_WORD_SIZE));
}

Test(program, every_cut_of_a_program_is_damaged_and_harmless)
{
	struct image image = usual();

	make_go(&image);
	for (size_t len = SELFMAG; len < offsetof(struct image, note); len++) {
		enum rudp_program_fault fault = check_image(&image, len);

		cr_assert(eq(int, fault, RUDP_PROGRAM_DAMAGED), "cut at %zu", len);
	}
}

Test(program, every_changed_byte_is_harmless)
{
	struct image image = usual();
	unsigned char *bytes = (unsigned char *)&image;
	unsigned refused = 0;

	make_go(&image);
	for (size_t i = 0; i < sizeof image; i++) {
		unsigned char was = bytes[i];

		for (unsigned value = 0; value < 256; value += 51) {
			bytes[i] = (unsigned char)value;
			refused += check_image(&image, sizeof image) != RUDP_PROGRAM_NONE;
		}
		bytes[i] = was;
	}
	cr_assert(ge(uint, refused, 101));
}

Test(program, scripts_are_followed_to_their_interpreter)
{
	cr_assert(eq(int, check(files_text("good", "#! /bin/sh -e\n", 0755)), RUDP_PROGRAM_NONE));
	cr_assert(eq(int, check(files_text("env", "#!/usr/bin/env -S A=b sh -e\n", 0755)),
		     RUDP_PROGRAM_NONE));
	cr_assert(eq(int, check(files_text("bare", "echo no first line\n", 0755)),
		     RUDP_PROGRAM_NONE));
	cr_assert(eq(int, check(files_text("empty", "", 0755)), RUDP_PROGRAM_NONE));
	cr_assert(eq(int, check(files_text("gone", "#!/no/such/shell\n", 0755)),
		     RUDP_PROGRAM_NO_INTERPRETER));
	cr_assert(eq(str, program.detail, "/no/such/shell"));
	cr_assert(eq(int, check(files_text("lost", "#!/usr/bin/env surely-not\n", 0755)),
		     RUDP_PROGRAM_NO_INTERPRETER));
	cr_assert(eq(str, program.culprit, (char *)files_path("lost")));
	cr_assert(eq(int, check(files_text("none", "#!\n", 0755)), RUDP_PROGRAM_DAMAGED));
}

Test(program, a_script_of_an_unfit_interpreter_is_unfit)
{
	struct image image = usual();
	char line[256];

	image.segments[0].p_type = PT_NULL;
	snprintf(line, sizeof line, "#!%s\n", files_make("shell", &image, sizeof image, 0755));
	cr_assert(eq(int, check(files_text("script", line, 0755)), RUDP_PROGRAM_STATIC));
	cr_assert(eq(str, program.culprit, (char *)files_path("shell")));
	cr_assert(eq(str, program.path, (char *)files_path("script")));
}

Test(program, a_script_of_itself_ends)
{
	char line[256];

	snprintf(line, sizeof line, "#!%s\n", files_path("self"));
	cr_assert(eq(int, check(files_text("self", line, 0755)), RUDP_PROGRAM_TOO_DEEP));
}

Test(program, set_id_matters_to_others_than_the_owner)
{
	struct image image = usual();
	const char *path = files_make("raised", &image, sizeof image, 04755);

	caller = (struct rudp_program_caller){.uid = getuid() + 1, .gid = getgid()};
	cr_assert(eq(int, rudp_program_check(&program, path, NULL, &caller), RUDP_PROGRAM_SET_ID));
	caller.no_new_privileges = true;
	cr_assert(eq(int, rudp_program_check(&program, path, NULL, &caller), RUDP_PROGRAM_NONE));
	caller = (struct rudp_program_caller){.uid = getuid(), .gid = getgid() + 1};
	cr_assert(eq(int, rudp_program_check(&program, path, NULL, &caller), RUDP_PROGRAM_NONE));
	chmod(path, 02755);
	cr_assert(eq(int, rudp_program_check(&program, path, NULL, &caller), RUDP_PROGRAM_SET_ID));
	/* setgid without the execute bit once meant mandatory locking. */
	chmod(path, 02745);
	cr_assert(eq(int, rudp_program_check(&program, path, NULL, &caller), RUDP_PROGRAM_NONE));
}
