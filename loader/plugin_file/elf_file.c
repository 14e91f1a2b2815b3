/* SPDX-License-Identifier: MIT
 * Reading a shared object.  See elf_file.h. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Of this machine the layout is that of our own structures. */
#if UINTPTR_MAX > 0xffffffffu
typedef Elf64_Ehdr header;
typedef Elf64_Phdr program_header;
typedef Elf64_Dyn dynamic;
typedef Elf64_Sym symbol;
typedef Elf64_Verneed verneed;
typedef Elf64_Vernaux vernaux;
enum { OWN_CLASS = ELFCLASS64 };
#else
#error "plugins are read on 64-bit machines only"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { OWN_DATA = ELFDATA2LSB };
#else
enum { OWN_DATA = ELFDATA2MSB };
#endif

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { OWN_MACHINE = EM_RISCV };
#elif defined(__powerpc64__)
enum { OWN_MACHINE = EM_PPC64 };
#elif defined(__s390x__)
enum { OWN_MACHINE = EM_S390 };
#else
enum { OWN_MACHINE = EM_NONE };
#endif

uint16_t hr_elf_own_machine(void)
{
    return OWN_MACHINE;
}

const char *hr_elf_machine_name(uint16_t machine)
{
    switch (machine) {
    case EM_386: return "i386";
    case EM_X86_64: return "x86-64";
    case EM_ARM: return "arm";
    case EM_AARCH64: return "aarch64";
    case EM_RISCV: return "riscv";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390x";
    default: return NULL;
    }
}

/* ---- places in the file ---------------------------------------------------------------------- */

/* n bytes from offset on, or NULL. */
static const void *at_offset(const struct hr_elf *e, uint64_t offset, uint64_t n)
{
    return n <= e->len && offset <= e->len - n ? e->bytes + offset : NULL;
}

static const struct hr_elf_segment *segment_of(const struct hr_elf *e, uint64_t address)
{
    for (size_t i = 0; i < e->nsegments; i++)
        if (address >= e->segments[i].address &&
            address - e->segments[i].address < e->segments[i].size)
            return &e->segments[i];
    return NULL;
}

/* How many bytes from that address on are in the file. */
static uint64_t rest_of_segment(const struct hr_elf *e, uint64_t address)
{
    const struct hr_elf_segment *s = segment_of(e, address);
    return s ? s->size - (address - s->address) : 0;
}

const void *hr_elf_at(const struct hr_elf *e, uint64_t address, uint64_t n)
{
    const struct hr_elf_segment *s = segment_of(e, address);
    uint64_t in = s ? address - s->address : 0;
    return s && n <= s->size - in ? at_offset(e, s->offset + in, n) : NULL;
}

const char *hr_elf_string(const struct hr_elf *e, uint64_t address)
{
    uint64_t rest = rest_of_segment(e, address);
    uint64_t n = rest < HR_ELF_STRING_MAX ? rest : HR_ELF_STRING_MAX;
    const char *s = n ? hr_elf_at(e, address, n) : NULL;
    return s && memchr(s, '\0', n) ? s : NULL;
}

/* A name in the string table, which ends with a NUL. */
static const char *name_at(const struct hr_elf *e, uint64_t index)
{
    const char *table = hr_elf_at(e, e->strings.address, e->strings.size);
    return table && index < e->strings.size ? table + index : NULL;
}

/* ---- headers --------------------------------------------------------------------------------- */

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -ENOEXEC;
}

static int read_header(struct hr_elf *e, header *h, const char **ret_why)
{
    const unsigned char *ident = at_offset(e, 0, EI_NIDENT);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
        return refuse(ret_why, "is no ELF file");
    if ((ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
        (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB))
        return refuse(ret_why, "is a damaged ELF file");
    /* e_type and e_machine are at the same place in both classes */
    const unsigned char *p = at_offset(e, EI_NIDENT, 4);
    if (!p)
        return refuse(ret_why, "ends within its ELF header");
    bool big = ident[EI_DATA] == ELFDATA2MSB;
    e->type = (uint16_t)(big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
    e->machine = (uint16_t)(big ? p[2] << 8 | p[3] : p[3] << 8 | p[2]);
    e->is_native =
        ident[EI_CLASS] == OWN_CLASS && ident[EI_DATA] == OWN_DATA && e->machine == OWN_MACHINE;
    if (!e->is_native)
        return 0;
    const void *whole = at_offset(e, 0, sizeof(*h));
    if (!whole)
        return refuse(ret_why, "ends within its ELF header");
    memcpy(h, whole, sizeof(*h));
    if (h->e_phentsize != sizeof(program_header))
        return refuse(ret_why, "has program headers of an odd size");
    return 0;
}

/* Whole pages are mapped, one segment after the other: the later one would hide what we have read
 * of an earlier one. */
static int add_segment(struct hr_elf *e, const program_header *p, const char **ret_why)
{
    const uint64_t in_page = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
    const uint64_t memory = p->p_memsz > p->p_filesz ? p->p_memsz : p->p_filesz;
    const struct hr_elf_segment *last = e->nsegments ? &e->segments[e->nsegments - 1] : NULL;
    if (e->nsegments == HR_ELF_SEGMENTS_MAX)
        return refuse(ret_why, "has too many segments");
    if (!at_offset(e, p->p_offset, p->p_filesz))
        return refuse(ret_why, "ends before its segments do");
    if (memory > UINT64_MAX - in_page || p->p_vaddr > UINT64_MAX - in_page - memory)
        return refuse(ret_why, "has a segment beyond all addresses");
    if ((p->p_vaddr - p->p_offset) & in_page)
        return refuse(ret_why, "has a segment that no page can hold");
    if (last && (p->p_vaddr & ~in_page) < last->address + last->memory)
        return refuse(ret_why, "has segments that overlap, or are out of order");
    e->segments[e->nsegments++] = (struct hr_elf_segment){
        .address = p->p_vaddr, .offset = p->p_offset, .size = p->p_filesz, .memory = memory};
    return 0;
}

/* The program headers; *ret_dynamic is the address of the dynamic section, untouched if there is
 * none. */
static int read_segments(struct hr_elf *e, const header *h, uint64_t *ret_dynamic,
                         const char **ret_why)
{
    int err = 0;
    const unsigned char *p =
        at_offset(e, h->e_phoff, (uint64_t)h->e_phnum * sizeof(program_header));
    if (!p)
        return refuse(ret_why, "ends before its program headers do");
    e->executable_stack = true;
    for (unsigned i = 0; i < h->e_phnum && !err; i++) {
        program_header ph;
        memcpy(&ph, p + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD)
            err = add_segment(e, &ph, ret_why);
        else if (ph.p_type == PT_DYNAMIC && ph.p_filesz)
            *ret_dynamic = ph.p_vaddr, e->has_dynamic = true;
        else if (ph.p_type == PT_GNU_STACK)
            e->executable_stack = ph.p_flags & PF_X;
        else if (ph.p_type == PT_INTERP)
            e->is_program = true;
    }
    return err;
}

/* ---- the dynamic section --------------------------------------------------------------------- */

/* Names are kept as their places in the string table until that is known. */
struct names {
    uint64_t needed[HR_ELF_NEEDED_MAX];
    size_t nneeded;
    uint64_t soname, rpath, runpath;
    uint64_t hash, gnu_hash;
    bool has_soname, has_rpath, has_runpath;
};

static void read_entry(struct hr_elf *e, struct names *n, const dynamic *d)
{
    const uint64_t v = d->d_un.d_val;
    switch (d->d_tag) {
    case DT_NEEDED:
    case DT_AUXILIARY:
    case DT_FILTER:
        if (n->nneeded < HR_ELF_NEEDED_MAX)
            n->needed[n->nneeded] = v;
        n->nneeded++;
        break;
    case DT_SONAME: n->soname = v, n->has_soname = true; break;
    case DT_RPATH: n->rpath = v, n->has_rpath = true; break;
    case DT_RUNPATH: n->runpath = v, n->has_runpath = true; break;
    case DT_HASH: n->hash = v; break;
    case DT_GNU_HASH: n->gnu_hash = v; break;
    case DT_TEXTREL: e->text_relocations = true; break;
    case DT_FLAGS: e->text_relocations = e->text_relocations || (v & DF_TEXTREL); break;
    case DT_FLAGS_1: e->is_program = e->is_program || (v & DF_1_PIE); break;
    case DT_STRTAB: e->strings.address = v; break;
    case DT_STRSZ: e->strings.size = v; break;
    case DT_SYMTAB: e->symbols.address = v; break;
    case DT_RELA: e->rela.address = v; break;
    case DT_RELASZ: e->rela.size = v; break;
    case DT_JMPREL: e->jmprel.address = v; break;
    case DT_PLTRELSZ: e->jmprel.size = v; break;
    case DT_RELR: e->relr.address = v; break;
    case DT_RELRSZ: e->relr.size = v; break;
    case DT_VERNEED: e->versions_needed = v; break;
    case DT_VERNEEDNUM: e->nversions_needed = v; break;
    default: break;
    }
}

static int name_of(const struct hr_elf *e, bool there, uint64_t index, const char **ret,
                   const char **ret_why)
{
    if (there && !(*ret = name_at(e, index)))
        return refuse(ret_why, "has a name outside its string table");
    return 0;
}

static int read_names(struct hr_elf *e, const struct names *n, const char **ret_why)
{
    const char *table = hr_elf_at(e, e->strings.address, e->strings.size);
    if (!table)
        return refuse(ret_why, "has no string table where it says");
    if (e->strings.size && table[e->strings.size - 1])
        return refuse(ret_why, "has a string table without an end");
    if (n->nneeded > HR_ELF_NEEDED_MAX)
        return refuse(ret_why, "needs too many libraries");
    int err = name_of(e, n->has_soname, n->soname, &e->soname, ret_why);
    if (!err)
        err = name_of(e, n->has_rpath, n->rpath, &e->rpath, ret_why);
    if (!err)
        err = name_of(e, n->has_runpath, n->runpath, &e->runpath, ret_why);
    for (size_t i = 0; i < n->nneeded && !err; i++, e->nneeded++)
        err = name_of(e, true, n->needed[i], &e->needed[i], ret_why);
    return err;
}

static uint32_t word_at(const struct hr_elf *e, uint64_t address)
{
    uint32_t word = 0;
    const void *p = hr_elf_at(e, address, sizeof(word));
    if (p)
        memcpy(&word, p, sizeof(word));
    return word;
}

/* The symbol table tells no length; the hash tables do.  GNU's: after the highest first symbol of a
 * chain, its chain's end. */
static uint64_t count_by_gnu_hash(const struct hr_elf *e, uint64_t table)
{
    const uint64_t nbuckets = word_at(e, table);
    const uint64_t first = word_at(e, table + 4);
    const uint64_t nbloom = word_at(e, table + 8);
    const uint64_t at = table + 16 + nbloom * sizeof(uint64_t);
    const uint64_t nchains = rest_of_segment(e, at + nbuckets * 4) / 4;
    const unsigned char *buckets = hr_elf_at(e, at, nbuckets * 4);
    const unsigned char *chains = hr_elf_at(e, at + nbuckets * 4, nchains * 4);
    uint32_t last = 0;
    uint32_t word = 0;
    for (uint64_t i = 0; buckets && i < nbuckets; i++) {
        memcpy(&word, buckets + i * 4, sizeof(word));
        last = word > last ? word : last;
    }
    if (last < first)
        return first;
    for (uint64_t i = last - first; chains && i < nchains; i++) {
        memcpy(&word, chains + i * 4, sizeof(word));
        if (word & 1)
            return first + i + 1;
    }
    return 0;
}

/* With both, the dynamic linker takes GNU's. */
static int read_symbols(struct hr_elf *e, const struct names *n, const char **ret_why)
{
    uint64_t count = 0;
    if (n->gnu_hash)
        count = count_by_gnu_hash(e, n->gnu_hash);
    else if (n->hash)
        count = word_at(e, n->hash + 4);
    if (count > e->len / sizeof(symbol))
        return refuse(ret_why, "has a symbol table larger than itself");
    e->symbols.size = count * sizeof(symbol);
    if (count && !hr_elf_at(e, e->symbols.address, e->symbols.size))
        return refuse(ret_why, "has no symbol table where it says");
    e->nsymbols = count;
    return 0;
}

static int check_table(const struct hr_elf *e, const struct hr_elf_table *t, const char **ret_why)
{
    if (t->size && !hr_elf_at(e, t->address, t->size))
        return refuse(ret_why, "has no relocations where it says");
    return 0;
}

/* From its address to the entry that ends it, as the dynamic linker reads it: where the program
 * header says that it lies in the file, and how large it is, does not count. */
static int read_entries(struct hr_elf *e, uint64_t address, struct names *names,
                        const char **ret_why)
{
    for (uint64_t i = 0; i < HR_ELF_DYNAMIC_MAX; i++) {
        dynamic d;
        const void *p = hr_elf_at(e, address + i * sizeof(d), sizeof(d));
        if (!p)
            break;
        memcpy(&d, p, sizeof(d));
        if (d.d_tag == DT_NULL)
            return 0;
        read_entry(e, names, &d);
    }
    return refuse(ret_why, "has a dynamic section without an end");
}

static int read_dynamic(struct hr_elf *e, uint64_t address, const char **ret_why)
{
    struct names names = {.nneeded = 0};
    int err = read_entries(e, address, &names, ret_why);
    if (err)
        return err;
    err = read_names(e, &names, ret_why);
    if (!err)
        err = read_symbols(e, &names, ret_why);
    if (!err)
        err = check_table(e, &e->rela, ret_why);
    if (!err)
        err = check_table(e, &e->jmprel, ret_why);
    return err ? err : check_table(e, &e->relr, ret_why);
}

int hr_elf_read(const void *bytes, size_t len, struct hr_elf *ret, const char **ret_why)
{
    struct hr_elf e = {.bytes = bytes, .len = len};
    uint64_t dynamic_section = 0;
    header h;
    int err = read_header(&e, &h, ret_why);
    if (!err && e.is_native)
        err = read_segments(&e, &h, &dynamic_section, ret_why);
    if (!err && e.has_dynamic)
        err = read_dynamic(&e, dynamic_section, ret_why);
    if (!err)
        *ret = e;
    return err;
}

/* ---- symbols --------------------------------------------------------------------------------- */

bool hr_elf_exported(const struct hr_elf *e, size_t i, const char **ret_name)
{
    symbol s;
    if (i >= e->nsymbols)
        return false;
    const unsigned char *table = hr_elf_at(e, e->symbols.address, e->symbols.size);
    memcpy(&s, table + i * sizeof(s), sizeof(s));
    unsigned binding = ELF64_ST_BIND(s.st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(s.st_other);
    if (s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_ABS || ELF64_ST_TYPE(s.st_info) == STT_SECTION)
        return false;
    if ((binding != STB_GLOBAL && binding != STB_WEAK && binding != STB_GNU_UNIQUE) ||
        (visibility != STV_DEFAULT && visibility != STV_PROTECTED))
        return false;
    const char *name = name_at(e, s.st_name);
    if (!name || !*name)
        return false;
    *ret_name = name;
    return true;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* Is "2.34" more than "2.4"?  Number by number. */
static bool is_higher(const char *a, const char *b)
{
    while (*a || *b) {
        unsigned long x = 0;
        unsigned long y = 0;
        for (; *a >= '0' && *a <= '9' && x < 1000000; a++)
            x = x * 10 + (unsigned long)(*a - '0');
        for (; *b >= '0' && *b <= '9' && y < 1000000; b++)
            y = y * 10 + (unsigned long)(*b - '0');
        if (x != y)
            return x > y;
        if ((*a && *a != '.') || (*b && *b != '.'))
            return false;
        a += *a == '.';
        b += *b == '.';
    }
    return false;
}

static bool is_numbers(const char *s)
{
    enum { LONG = 32 }; /* and longer is none */
    return *s >= '0' && *s <= '9' && strnlen(s, LONG) < LONG && s[strspn(s, "0123456789.")] == '\0';
}

/* The versions of one library, which lie one after the other. */
static void highest_of(const struct hr_elf *e, uint64_t address, unsigned count, const char *prefix,
                       const char **best)
{
    const size_t n = strlen(prefix);
    vernaux aux;
    for (unsigned i = 0; i < count; i++) {
        const void *p = hr_elf_at(e, address, sizeof(aux));
        if (!p)
            return;
        memcpy(&aux, p, sizeof(aux));
        const char *name = name_at(e, aux.vna_name);
        if (name && strncmp(name, prefix, n) == 0 && is_numbers(name + n) &&
            (!*best || is_higher(name + n, *best + n)))
            *best = name;
        if (!aux.vna_next)
            return;
        address += aux.vna_next;
    }
}

const char *hr_elf_highest_version(const struct hr_elf *e, const char *prefix)
{
    const char *best = NULL;
    uint64_t address = e->versions_needed;
    /* a library has one entry */
    for (size_t i = 0; i < e->nversions_needed && i < HR_ELF_NEEDED_MAX; i++) {
        verneed need;
        const void *p = hr_elf_at(e, address, sizeof(need));
        if (!p)
            break;
        memcpy(&need, p, sizeof(need));
        highest_of(e, address + need.vn_aux, need.vn_cnt, prefix, &best);
        if (!need.vn_next)
            break;
        address += need.vn_next;
    }
    return best;
}
