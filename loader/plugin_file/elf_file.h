/* SPDX-License-Identifier: MIT
 * Reading a shared object without running any of it: what the dynamic linker would do with it is
 * told from its program headers and its dynamic section, as the linker itself does.  Section
 * headers are not looked at; strip may have removed them.
 *
 * The bytes come from anybody: every offset, size and index in them is checked before it is used,
 * and each list has an end.  Nothing is copied or allocated; what is returned points into the
 * bytes, which have to outlive it.  No state, any thread.
 *
 * Source of the format: the System V ABI ("gABI"), and GNU's additions as <elf.h> names them. */
#ifndef HR_PLUGIN_FILE_ELF_FILE_H
#define HR_PLUGIN_FILE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HR_ELF_SEGMENTS_MAX = 64,
    HR_ELF_NEEDED_MAX = 256,
    HR_ELF_DYNAMIC_MAX = 4096,       /* entries of the dynamic section */
    HR_ELF_STRING_MAX = 1024 * 1024, /* bytes of one that the plugin gives, with its NUL */
};

/* A part of the file that is mapped: [address, address + size) from offset on.  They are in the
 * order of their addresses, and no two have a page in common: what is at an address is what will
 * be. */
struct hr_elf_segment {
    uint64_t address;
    uint64_t offset;
    uint64_t size;   /* in the file; memory beyond it is zero */
    uint64_t memory; /* size with that */
};

/* Where a table lies, by address; size in bytes, 0: there is none. */
struct hr_elf_table {
    uint64_t address;
    uint64_t size;
};

struct hr_elf {
    const unsigned char *bytes; /* borrowed */
    size_t len;
    uint16_t machine; /* EM_* */
    uint16_t type;    /* ET_* */
    bool is_native;   /* of this machine, class and byte order; else nothing below is set */
    bool is_program;  /* made to be run: has an interpreter, or says so */
    bool has_dynamic;
    bool executable_stack; /* asked for, or not denied: the header for it is missing */
    bool text_relocations;
    const char *soname; /* NULL: none; the same for the next two */
    const char *rpath;
    const char *runpath;
    const char *needed[HR_ELF_NEEDED_MAX]; /* libraries that are loaded with it, by name */
    size_t nneeded;

    struct hr_elf_segment segments[HR_ELF_SEGMENTS_MAX];
    size_t nsegments;
    struct hr_elf_table symbols;
    size_t nsymbols;
    struct hr_elf_table strings;
    struct hr_elf_table rela;
    struct hr_elf_table jmprel; /* of the procedure linkage table; Rela as well */
    struct hr_elf_table relr;
    uint64_t versions_needed; /* its address */
    size_t nversions_needed;
};

/* Read.  0; or -ENOEXEC and *ret_why says what is wrong with the file, a static string that
 * completes "it ...". */
int hr_elf_read(const void *bytes, size_t len, struct hr_elf *ret, const char **ret_why);

/* The machine's usual name, "x86-64", or NULL. */
const char *hr_elf_machine_name(uint16_t machine);

/* What this program was built for. */
uint16_t hr_elf_own_machine(void);

/* Is this one of the symbols that it defines and shows to others?  Then *ret_name is its name. */
bool hr_elf_exported(const struct hr_elf *e, size_t i, const char **ret_name);

/* The highest version "<prefix><digits and dots>" of a library that it needs, as "GLIBC_2.34" for
 * the prefix "GLIBC_"; NULL: none. */
const char *hr_elf_highest_version(const struct hr_elf *e, const char *prefix);

/* n bytes of what would be mapped at that address, before relocation; NULL if that is not all in
 * the file. */
const void *hr_elf_at(const struct hr_elf *e, uint64_t address, uint64_t n);

/* The string there; NULL if there is none, or it has no end. */
const char *hr_elf_string(const struct hr_elf *e, uint64_t address);

/* The address that the pointer at `address` holds once it has been relocated within this object.
 * Looks through all relocations.  0 for NULL, or for what lies in another object; a true answer is
 * never 0. */
uint64_t hr_elf_pointer(const struct hr_elf *e, uint64_t address);

#endif
