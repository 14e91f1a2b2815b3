/* SPDX-License-Identifier: MIT
 * loader/plugin_file: what is read from a shared object without running it, what is refused, and
 * that no bytes whatever make the reader stumble. */
#include "loader/plugin_file/elf_file.h"

#include "check.h"
#include "common/buf.h"
#include "common/fd.h"
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/judge.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bytes of a test plugin; release with free(). */
static unsigned char *read_plugin(const char *name, size_t *ret_len)
{
    char path[512];
    struct hr_buf text;
    (void)snprintf(path, sizeof(path), "%s/%s", TEST_PLUGINS, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("cannot open %s", path);
    hr_buf_init(&text, 64 * 1024 * 1024);
    assert_int_equal(hr_read_fd(fd, &text), 0);
    (void)close(fd);
    unsigned char *copy = malloc(text.len); /* of just that size, for the sanitizer */
    assert_non_null(copy);
    memcpy(copy, text.data, text.len);
    *ret_len = text.len;
    hr_buf_free(&text);
    return copy;
}

static void a_plugin_is_read(void **state)
{
    struct hr_elf e;
    const char *why = NULL;
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("faulty.so", &len);
    assert_int_equal(hr_elf_read(bytes, len, &e, &why), 0);
    assert_true(e.is_native && e.has_dynamic);
    assert_false(e.is_program || e.executable_stack || e.text_relocations);
    assert_int_equal(e.machine, hr_elf_own_machine());
    bool libc = false;
    for (size_t i = 0; i < e.nneeded; i++)
        libc = libc || strcmp(e.needed[i], "libc.so.6") == 0;
    assert_true(libc);
    const char *glibc = hr_elf_highest_version(&e, "GLIBC_");
    assert_non_null(glibc);
    assert_int_equal(strncmp(glibc, "GLIBC_2.", 8), 0);
    assert_null(hr_elf_highest_version(&e, "ABSENT_"));
    free(bytes);
}

static void judged(const char *name, const char *words)
{
    struct hr_elf e;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    size_t len = 0;
    unsigned char *bytes = read_plugin(name, &len);
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    int err = hr_plugin_judge(&e, &why);
    if (words ? !err || !strstr(why.text, words) : err != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", name, why.text, words ? words : "");
    free(bytes);
}

static void odd_ones_are_refused(void **state)
{
    (void)state;
    judged("odd_plain.so", NULL);
    judged("odd_exports.so", NULL);
    judged("odd_runpath_good.so", NULL);
    judged("odd_sysv_hash.so", NULL);
    judged("odd_relr.so", NULL);
    judged("odd_major.so", "exports handrail_plugin_v2, but not handrail_plugin_v1");
    judged("odd_stack.so", "executable stack");
    judged("odd_text.so", "-fPIC");
    judged("odd_runpath.so", "\"/usr/lib:$ORIGIN/lib\" (RUNPATH)");
    judged("odd_rpath.so", "\"lib\" (RPATH)");
    judged("no_symbol.so", "does not export handrail_plugin_v1");
    judged("hostile-free", "is a program");
}

/* As a plugin is that was linked with a C library of that name. */
static void judged_with_libc(const char *name, const char *words)
{
    static const char was[] = "libc.so.6";
    struct hr_elf e;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    size_t len = 0;
    unsigned char *bytes = read_plugin("faulty.so", &len);
    unsigned char *at = memmem(bytes, len, was, sizeof(was));
    assert_non_null(at);
    assert_true(strlen(name) < sizeof(was));
    memset(at, 0, sizeof(was));
    memcpy(at, name, strlen(name));
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    int err = hr_plugin_judge(&e, &why);
    if (words ? !err || !strstr(why.text, words) : err != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", name, why.text, words ? words : "");
    free(bytes);
}

static void musl_is_refused(void **state)
{
    (void)state;
    judged_with_libc("libc.so.6", NULL);
    judged_with_libc("libc.so.7", NULL);
    judged_with_libc("libc.so", "is built with musl (it needs \"libc.so\")");
    judged_with_libc("ld-musl-x", "is built with musl (it needs \"ld-musl-x\")");
}

/* The program header of that kind; the nth, from 0 on. */
static Elf64_Phdr *program_header(unsigned char *bytes, uint32_t type, unsigned n)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)bytes;
    Elf64_Phdr *p = (Elf64_Phdr *)(bytes + h->e_phoff);
    for (unsigned i = 0; i < h->e_phnum; i++)
        if (p[i].p_type == type && n-- == 0)
            return &p[i];
    fail_msg("no program header of type %u", type);
    return NULL;
}

/* The entry of the dynamic section with that tag. */
static Elf64_Dyn *dynamic_entry(unsigned char *bytes, int64_t tag)
{
    Elf64_Dyn *d = (Elf64_Dyn *)(bytes + program_header(bytes, PT_DYNAMIC, 0)->p_offset);
    for (; d->d_tag != tag; d++)
        if (d->d_tag == DT_NULL)
            fail_msg("no entry with tag %lld", (long long)tag);
    return d;
}

static void not_read(const unsigned char *bytes, size_t len, const char *words)
{
    struct hr_elf e;
    const char *wrong = "";
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), -ENOEXEC);
    if (!strstr(wrong, words))
        fail_msg("\"%s\", expected \"%s\"", wrong, words);
}

static void not_judged_good(const unsigned char *bytes, size_t len, const char *words)
{
    struct hr_elf e;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    assert_int_equal(hr_plugin_judge(&e, &why), -EINVAL);
    if (!strstr(why.text, words))
        fail_msg("\"%s\", expected \"%s\"", why.text, words);
}

/* What the dynamic linker does not look at must not decide what we see. */
static void the_dynamic_section_is_where_it_is_mapped(void **state)
{
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("odd_rpath.so", &len);
    Elf64_Phdr *p = program_header(bytes, PT_DYNAMIC, 0);
    Elf64_Phdr right = *p;
    p->p_offset = 0;
    not_judged_good(bytes, len, "(RPATH)");
    *p = right;
    p->p_filesz = sizeof(Elf64_Dyn);
    not_judged_good(bytes, len, "(RPATH)");
    p->p_vaddr = UINT64_MAX - 100;
    not_read(bytes, len, "a dynamic section without an end");
    *p = right;
    p->p_filesz = 0; /* as in a file of debugging information; the linker passes it over too */
    not_judged_good(bytes, len, "is no shared object");
    free(bytes);
}

/* A later segment would be mapped over what was read of an earlier one. */
static void segments_have_pages_of_their_own(void **state)
{
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("odd_plain.so", &len);
    Elf64_Phdr *first = program_header(bytes, PT_LOAD, 0);
    Elf64_Phdr *second = program_header(bytes, PT_LOAD, 1);
    Elf64_Phdr right = *second;
    second->p_vaddr = first->p_vaddr + (second->p_offset & 4095);
    not_read(bytes, len, "overlap");
    *second = right;
    first->p_memsz = second->p_vaddr - first->p_vaddr + 1;
    not_read(bytes, len, "overlap");
    first->p_memsz = UINT64_MAX - 1;
    not_read(bytes, len, "beyond all addresses");
    first->p_memsz = first->p_filesz;
    second->p_vaddr += 8;
    not_read(bytes, len, "no page can hold");
    free(bytes);
}

static void libraries_are_searched_for_or_absolute(void **state)
{
    static const struct {
        int64_t tag;
        const char *name, *words;
    } names[] = {{DT_NEEDED, "./c.so.6", "needs the library \"./c.so.6\""},
                 {DT_FILTER, "lib/so.6", "needs the library \"lib/so.6\""},
                 {DT_AUXILIARY, "$LIB.so.6", "needs the library \"$LIB.so.6\""}};
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("faulty.so", &len);
    char *libc = memmem(bytes, len, "libc.so.6", sizeof("libc.so.6"));
    Elf64_Dyn *needed = dynamic_entry(bytes, DT_NEEDED);
    assert_non_null(libc);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(libc, sizeof("libc.so.6"), "%s", names[i].name);
        needed->d_tag = names[i].tag;
        not_judged_good(bytes, len, names[i].words);
    }
    free(bytes);
}

static void names_end(void **state)
{
    char digits[64] = "handrail_plugin_v";
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("odd_plain.so", &len);
    dynamic_entry(bytes, DT_STRSZ)->d_un.d_val--;
    not_read(bytes, len, "a string table without an end");
    free(bytes);
    memset(digits + strlen(digits), '1', 20);
    assert_false(hr_plugin_is_entry(digits));
}

static void another_machine_is_named(void **state)
{
    struct hr_elf e;
    struct hr_why why = {{0}};
    const char *wrong = NULL;
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("odd_plain.so", &len);
    Elf64_Ehdr *h = (Elf64_Ehdr *)bytes;
    h->e_machine = EM_ARM;
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    assert_int_equal(hr_plugin_judge(&e, &why), -EINVAL);
    assert_non_null(strstr(why.text, "is built for arm, this is "));
    h->e_machine = 4711;
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    assert_int_equal(hr_plugin_judge(&e, &why), -EINVAL);
    assert_non_null(strstr(why.text, "is built for machine 4711"));
    h->e_machine = hr_elf_own_machine();
    bytes[EI_CLASS] = ELFCLASS32;
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    assert_int_equal(hr_plugin_judge(&e, &why), -EINVAL);
    assert_non_null(strstr(why.text, "word size"));
    bytes[EI_CLASS] = ELFCLASS64;
    h->e_type = ET_REL;
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    assert_int_equal(hr_plugin_judge(&e, &why), -EINVAL);
    assert_non_null(strstr(why.text, "is an object file"));
    free(bytes);
}

static void other_exports(void **state)
{
    struct hr_elf e;
    const char *wrong = NULL;
    char names[100];
    size_t len = 0;
    (void)state;
    unsigned char *bytes = read_plugin("odd_exports.so", &len);
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    size_t n = hr_plugin_other_exports(&e, names, sizeof(names));
    assert_true(n >= 1); /* sanitizers add some */
    if (n == 1)
        assert_string_equal(names, "odd_export");
    assert_int_equal(hr_plugin_other_exports(&e, names, 0), n);
    assert_int_equal(hr_plugin_other_exports(&e, names, 3), n);
    free(bytes);
    assert_true(hr_plugin_is_entry("handrail_plugin_v1"));
    assert_true(hr_plugin_is_entry("handrail_plugin_v12"));
    assert_false(hr_plugin_is_entry("handrail_plugin_v"));
    assert_false(hr_plugin_is_entry("handrail_plugin_v1x"));
}

static void described(const char *name)
{
    static struct hr_descriptor d;
    struct hr_elf e;
    const char *wrong = NULL;
    size_t len = 0;
    unsigned char *bytes = read_plugin(name, &len);
    assert_int_equal(hr_elf_read(bytes, len, &e, &wrong), 0);
    if (hr_descriptor_read(&e, &d))
        fail_msg("%s: no descriptor found", name);
    assert_string_equal(d.plugin.id, "linked_oddly");
    assert_string_equal(d.plugin.version, "1.2.3");
    assert_string_equal(d.plugin.config_schema, "{\"type\":\"object\",\"properties\":{\"k\":{}}}");
    assert_int_equal(d.plugin.built_minor, HANDRAIL_ABI_MINOR);
    assert_true(d.plugin.create && !d.plugin.destroy && !d.plugin.health);
    assert_true(d.plugin.needs_extensions && !d.plugin.needs_extensions[0]);
    assert_int_equal(d.ntools, 2);
    assert_ptr_equal(d.plugin.tools[2], NULL);
    assert_string_equal(d.tools[0].name, "odd_tool");
    assert_null(d.tools[0].title);
    assert_string_equal(d.tools[1].name, "odd_second");
    assert_string_equal(d.tools[1].title, "The second");
    assert_string_equal(d.tools[1].output_schema, "{\"type\":\"object\"}");
    assert_int_equal(d.tools[1].flags, HANDRAIL_TOOL_READ_ONLY);
    assert_int_equal(d.tools[1].max_concurrency, 2);
    assert_int_equal(d.tools[1].timeout_ms, 1500);
    assert_non_null(d.tools[1].invoke);
    free(bytes);
}

static void descriptors_are_found(void **state)
{
    (void)state;
    described("odd_plain.so");
    described("odd_sysv_hash.so");
    described("odd_relr.so"); /* packed relocations */
}

/* Everything that is done with a file. */
static void use(const unsigned char *bytes, size_t len)
{
    static struct hr_descriptor d;
    struct hr_elf e;
    struct hr_why why;
    const char *wrong = NULL;
    char names[64];
    if (hr_elf_read(bytes, len, &e, &wrong))
        return;
    (void)hr_plugin_judge(&e, &why);
    (void)hr_plugin_other_exports(&e, names, sizeof(names));
    (void)hr_elf_highest_version(&e, "GLIBC_");
    (void)hr_descriptor_read(&e, &d);
}

static void damage_does_no_harm(void **state)
{
    size_t len = 0;
    uint32_t seed = 1;
    (void)state;
    unsigned char *good = read_plugin("odd_plain.so", &len);
    for (size_t n = 0; n < len; n += n < 4096 ? 7 : 997) { /* cut short */
        unsigned char *part = malloc(n ? n : 1);
        assert_non_null(part);
        memcpy(part, good, n);
        use(part, n);
        free(part);
    }
    unsigned char *bad = malloc(len);
    assert_non_null(bad);
    for (int i = 0; i < 4000; i++) {
        memcpy(bad, good, len);
        for (int k = 0; k < 4; k++) {
            seed = seed * 1103515245u + 12345u;
            /* half of them where the headers and tables are */
            size_t at = (seed >> 8) % (k & 1 ? len : (len < 2048 ? len : 2048));
            seed = seed * 1103515245u + 12345u;
            bad[at] = seed >> 16 & 1 ? 0xff : (unsigned char)(seed >> 8);
        }
        use(bad, len);
    }
    free(bad);
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_is_read),
        cmocka_unit_test(odd_ones_are_refused),
        cmocka_unit_test(musl_is_refused),
        cmocka_unit_test(another_machine_is_named),
        cmocka_unit_test(other_exports),
        cmocka_unit_test(descriptors_are_found),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(the_dynamic_section_is_where_it_is_mapped),
        cmocka_unit_test(segments_have_pages_of_their_own),
        cmocka_unit_test(libraries_are_searched_for_or_absolute),
        cmocka_unit_test(names_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
