/* SPDX-License-Identifier: MIT
 * Whether a shared object can be a plugin.  See judge.h. */
#include "judge.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char entry_prefix[] = "handrail_plugin_v";

bool hr_plugin_is_entry(const char *symbol)
{
    enum { DIGITS = 10 };
    size_t n = sizeof(entry_prefix) - 1;
    return strncmp(symbol, entry_prefix, n) == 0 && symbol[n] &&
           strnlen(symbol + n, DIGITS + 1) <= DIGITS &&
           symbol[n + strspn(symbol + n, "0123456789")] == '\0';
}

static int judge_machine(const struct hr_elf *e, struct hr_why *why)
{
    char number[24];
    const char *own = hr_elf_machine_name(hr_elf_own_machine());
    const char *name = hr_elf_machine_name(e->machine);
    (void)snprintf(number, sizeof(number), "machine %u", e->machine);
    if (e->is_native)
        return 0;
    if (e->machine == hr_elf_own_machine())
        return hr_refuse(why,
                         "is built for another kind of %s (word size or byte order): build it for "
                         "this one",
                         own ? own : "this machine");
    return hr_refuse(why,
                     "is built for %s, this is %s: build it for this machine, or copy the one "
                     "that is",
                     name ? name : number, own ? own : "another one");
}

/* The dynamic linker would look through these folders for the libraries that the plugin needs.
 * Relative ones are searched from wherever the process is, empty ones are the same, and $ORIGIN is
 * not where the file was, since a copy is loaded. */
static int judge_search_path(const char *kind, const char *path, struct hr_why *why)
{
    for (const char *p = path; p; p = strchr(p, ':')) {
        p += p != path;
        if (*p == '/' && !memchr(p, '$', strcspn(p, ":")))
            continue;
        return hr_refuse(why,
                         "looks for its libraries in \"%.300s\" (%s): link them in statically, or "
                         "name their folders from / on (-Wl,-rpath,/app/tools/lib) and let it read "
                         "them in its confinement",
                         path, kind);
    }
    return 0;
}

/* Another C library than ours?  Musl has a name of its own on Alpine; elsewhere it is "libc.so", as
 * nothing of glibc's is called. */
static bool is_other_libc(const char *library)
{
#ifdef __GLIBC__
    return strcmp(library, "libc.so") == 0 || strstr(library, "libc.musl-") ||
           strstr(library, "ld-musl-");
#else
    (void)library;
    return false;
#endif
}

/* A library whose name holds a '/' is not searched for: its name is where it is.  A second C
 * library in one process ends it, sooner or later. */
static int judge_needed(const struct hr_elf *e, struct hr_why *why)
{
    for (size_t i = 0; i < e->nneeded; i++) {
        const char *library = e->needed[i];
        if ((strchr(library, '/') && library[0] != '/') || strchr(library, '$'))
            return hr_refuse(why,
                             "needs the library \"%.300s\", which is no path from / on: link it in "
                             "statically, or give that library a name when it is built "
                             "(-Wl,-soname)",
                             library);
        if (is_other_libc(library))
            return hr_refuse(why,
                             "is built with musl (it needs \"%.300s\"), the host runs with glibc: "
                             "build it with glibc, for example in an image of Debian",
                             library);
    }
    return 0;
}

/* The highest major that we know is what is taken. */
static int judge_entry(const struct hr_elf *e, struct hr_why *why)
{
    const char *other = NULL;
    const char *name = NULL;
    for (size_t i = 0; i < e->nsymbols; i++) {
        if (!hr_elf_exported(e, i, &name))
            continue;
        if (strcmp(name, "handrail_plugin_v1") == 0)
            return 0;
        if (hr_plugin_is_entry(name))
            other = name;
    }
    if (other)
        return hr_refuse(
            why,
            "exports %.64s, but not handrail_plugin_v1, which this handrail looks for: "
            "update handrail, or build it with plugin-api 1",
            other);
    return hr_refuse(why, "does not export handrail_plugin_v1: define that function as "
                          "handrail/plugin.h declares it");
}

int hr_plugin_judge(const struct hr_elf *e, struct hr_why *why)
{
    int err = judge_machine(e, why);
    if (err)
        return err;
    if (e->type == ET_REL)
        return hr_refuse(why, "is an object file: link it with -shared");
    if (e->type == ET_EXEC || (e->type == ET_DYN && e->is_program))
        return hr_refuse(why, "is a program: build a shared object, with -shared -fPIC");
    if (e->type != ET_DYN || !e->has_dynamic)
        return hr_refuse(why, "is no shared object: build it with -shared -fPIC");
    if (e->executable_stack)
        return hr_refuse(why, "asks for an executable stack, which would undo a protection of the "
                              "whole process: link it with -Wl,-z,noexecstack (an assembler file "
                              "without .note.GNU-stack is the usual cause)");
    if (e->text_relocations)
        return hr_refuse(why, "has relocations in its code, which would have to be writable: build "
                              "all of it, static libraries too, with -fPIC");
    err = e->rpath ? judge_search_path("RPATH", e->rpath, why) : 0;
    if (!err && e->runpath)
        err = judge_search_path("RUNPATH", e->runpath, why);
    if (!err)
        err = judge_needed(e, why);
    return err ? err : judge_entry(e, why);
}

/* What linkers of some versions add. */
static bool is_linkers(const char *name)
{
    static const char *const names[] = {"_init", "_fini", "_edata", "_end", "__bss_start"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

size_t hr_plugin_other_exports(const struct hr_elf *e, char *text, size_t size)
{
    size_t count = 0;
    size_t used = 0;
    const char *name = NULL;
    if (size)
        text[0] = '\0';
    for (size_t i = 0; i < e->nsymbols; i++) {
        if (!hr_elf_exported(e, i, &name) || hr_plugin_is_entry(name) || is_linkers(name))
            continue;
        count++;
        if (used + strnlen(name, size) + sizeof(", ...") < size) {
            (void)snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
            used += strlen(text + used);
        } else if (used && used + sizeof(", ...") <= size && text[used - 1] != '.') {
            (void)snprintf(text + used, size - used, ", ...");
            used = size; /* no more */
        }
    }
    return count;
}
