/* SPDX-License-Identifier: MIT
 * Following a pointer in a shared object: what the dynamic linker would write there.  See
 * elf_file.h. */
#include "elf_file.h"

#include <elf.h>
#include <string.h>

/* The two kinds of relocation that make a pointer to data of the object itself. */
#if defined(__x86_64__)
enum { RELATIVE = R_X86_64_RELATIVE, ABSOLUTE = R_X86_64_64 };
#elif defined(__aarch64__)
enum { RELATIVE = R_AARCH64_RELATIVE, ABSOLUTE = R_AARCH64_ABS64 };
#elif defined(__riscv)
enum { RELATIVE = R_RISCV_RELATIVE, ABSOLUTE = R_RISCV_64 };
#elif defined(__powerpc64__)
enum { RELATIVE = R_PPC64_RELATIVE, ABSOLUTE = R_PPC64_ADDR64 };
#elif defined(__s390x__)
enum { RELATIVE = R_390_RELATIVE, ABSOLUTE = R_390_64 };
#else
enum { RELATIVE = -1, ABSOLUTE = -2 };
#endif

/* The address of a symbol that the object itself defines, else 0. */
static uint64_t symbol_address(const struct hr_elf *e, uint64_t i)
{
    Elf64_Sym s;
    const unsigned char *table = hr_elf_at(e, e->symbols.address, e->symbols.size);
    if (!table || i >= e->nsymbols)
        return 0;
    memcpy(&s, table + i * sizeof(s), sizeof(s));
    return s.st_shndx == SHN_UNDEF ? 0 : s.st_value;
}

/* Is there a relocation of that address in the table?  Then *ret is what it makes of it. */
static bool by_rela(const struct hr_elf *e, const struct hr_elf_table *t, uint64_t address,
                    uint64_t *ret)
{
    const unsigned char *table = hr_elf_at(e, t->address, t->size);
    for (uint64_t i = 0; table && i < t->size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela r;
        memcpy(&r, table + i * sizeof(r), sizeof(r));
        if (r.r_offset != address)
            continue;
        uint64_t symbol = symbol_address(e, ELF64_R_SYM(r.r_info));
        if (ELF64_R_TYPE(r.r_info) == (uint64_t)RELATIVE)
            *ret = (uint64_t)r.r_addend;
        else if (ELF64_R_TYPE(r.r_info) == (uint64_t)ABSOLUTE && symbol)
            *ret = symbol + (uint64_t)r.r_addend;
        else
            *ret = 0;
        return true;
    }
    return false;
}

/* The packed form of relative relocations: an even word is an address, an odd one a map of the 63
 * words that follow. */
static bool by_relr(const struct hr_elf *e, uint64_t address)
{
    const unsigned char *table = hr_elf_at(e, e->relr.address, e->relr.size);
    uint64_t at = 0;
    for (uint64_t i = 0; table && i < e->relr.size / sizeof(uint64_t); i++) {
        uint64_t entry = 0;
        memcpy(&entry, table + i * sizeof(entry), sizeof(entry));
        if (!(entry & 1)) {
            if (entry == address)
                return true;
            at = entry + sizeof(entry);
            continue;
        }
        uint64_t in = (address - at) / sizeof(entry);
        if (address >= at && in < 63 && (address - at) % sizeof(entry) == 0 &&
            (entry >> (in + 1) & 1))
            return true;
        at += 63 * sizeof(entry);
    }
    return false;
}

uint64_t hr_elf_pointer(const struct hr_elf *e, uint64_t address)
{
    uint64_t value = 0;
    const void *p = hr_elf_at(e, address, sizeof(value));
    if (!p)
        return 0;
    if (by_rela(e, &e->rela, address, &value) || by_rela(e, &e->jmprel, address, &value))
        return value;
    if (by_relr(e, address))
        memcpy(&value, p, sizeof(value));
    return value;
}
