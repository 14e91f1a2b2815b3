/* SPDX-License-Identifier: MIT
 * Loading the plugin.  See load.h. */
#include "load.h"

#include "call.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/passing.h"
#include "common/plugin_id.h"
#include "host.h"
#include "loader/plugin_file/judge.h"
#include "tools.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Size of the descriptor in minor 0: no plugin was ever built with a smaller one. */
enum {
    PLUGIN_SIZE_MINOR_0 =
        offsetof(handrail_plugin, get_extension) + sizeof(((handrail_plugin *)0)->get_extension),
};

typedef const handrail_plugin *entry_fn(void);

static int check_extensions(const handrail_plugin *api, struct hr_why *why)
{
    const handrail_host *host = hr_host_services();
    const char *const *id = api->needs_extensions;
    while (id && *id && host->get_extension(host, *id))
        id++;
    if (id && *id)
        return hr_refuse(why,
                         "needs the host extension \"%.100s\", which this handrail does not have: "
                         "update handrail, or use a version of the plugin that does without",
                         *id);
    return 0;
}

/* The members of the descriptor that do not concern its tools. */
static int check_descriptor(const char *id, const handrail_plugin *api, struct hr_why *why)
{
    const uint32_t minor = hr_host_services()->abi_minor;
    if (api->needs_minor > minor)
        return hr_refuse(why,
                         "needs ABI %u.%u, this host has %u.%u: rebuild it with plugin-api %u.%u "
                         "or update handrail",
                         HANDRAIL_ABI_MAJOR, api->needs_minor, HANDRAIL_ABI_MAJOR, minor,
                         HANDRAIL_ABI_MAJOR, minor);
    int err = check_extensions(api, why);
    if (err)
        return err;
    if (!api->id || !api->version)
        return hr_refuse(why, "its descriptor has no %s: set it in handrail_plugin",
                         api->id ? "version" : "id");
    if (strcmp(api->id, id) != 0)
        return hr_refuse(why,
                         "calls itself \"%.100s\", but the tool registry calls it \"%.100s\": make "
                         "the two the same",
                         api->id, id);
    if (!hr_plugin_id_valid(id)) /* what is only looked at is called by its own name */
        return hr_refuse(why,
                         "calls itself \"%.100s\": an id is 1 to %d of the characters A-Z a-z 0-9 "
                         ". _ -",
                         id, HR_PLUGIN_ID_MAX);
    if (!api->create)
        return hr_refuse(why, "its descriptor has no create(): set it in handrail_plugin");
    return 0;
}

int hr_plugin_check(const char *id, const char *sha256, const handrail_plugin *theirs,
                    struct hr_plugin *ret, struct hr_why *why)
{
    /* Only these two may be read before they have been checked. */
    if (theirs->magic != HANDRAIL_MAGIC)
        return hr_refuse(why,
                         "its descriptor starts with 0x%08x instead of HANDRAIL_MAGIC (0x%08x): "
                         "build it with handrail/plugin.h and set .magic",
                         theirs->magic, HANDRAIL_MAGIC);
    if (theirs->struct_size < PLUGIN_SIZE_MINOR_0)
        return hr_refuse(why,
                         "its descriptor claims %u bytes, ABI 1.0 has %d: set .struct_size to "
                         "sizeof(handrail_plugin)",
                         theirs->struct_size, (int)PLUGIN_SIZE_MINOR_0);
    struct hr_plugin p = {.id = id, .sha256 = sha256};
    hr_buf_init(&p.tools_json, HR_FRAME_MAX);
    size_t size = theirs->struct_size < sizeof(p.api) ? theirs->struct_size : sizeof(p.api);
    memcpy(&p.api, theirs, size);

    int err = check_descriptor(id, &p.api, why);
    if (!err)
        err = hr_tools_check(&p, why);
    if (!err)
        err = hr_tools_describe(&p, why);
    if (err) {
        hr_plugin_release(&p);
        return err;
    }
    p.sha256 = NULL;
    *ret = p;
    return 0;
}

int hr_plugin_open(const char *id, const char *path, const char *sha256, struct hr_plugin_file *ret,
                   struct hr_why *why)
{
    struct hr_elf elf;
    const char *wrong = NULL;
    char others[200];
    int err = hr_plugin_file_open(path, sha256, ret, why);
    if (err)
        return err;
    if (hr_elf_read(ret->bytes, ret->len, &elf, &wrong))
        err = hr_refuse(why, "%s: copy or build it once more", wrong);
    else
        err = hr_plugin_judge(&elf, why);
    if (err) {
        hr_plugin_file_close(ret);
        return err;
    }
    size_t n = hr_plugin_other_exports(&elf, others, sizeof(others));
    if (n)
        hr_warn("plugin %s: %s: exports %zu more symbol%s than its entry (%s): build it with "
                "-fvisibility=hidden, and link it with -Wl,--exclude-libs,ALL",
                id, path, n, n == 1 ? "" : "s", others);
    return 0;
}

/* What of the C library the plugin needs is loaded by us, and so from where ours lies.  A plugin
 * with a DT_RUNPATH would have it searched in the image first, and get half of another C library,
 * or none. What cannot be loaded here, the plugin's own loading will say. */
static void load_libc_parts(const struct hr_plugin_file *file)
{
    static const char *const parts[] = {"libm.so.6",  "libpthread.so.0", "libdl.so.2",
                                        "librt.so.1", "libutil.so.1",    "libresolv.so.2"};
    struct hr_elf elf;
    const char *wrong = NULL;

    if (hr_elf_read(file->bytes, file->len, &elf, &wrong))
        return;
    for (size_t i = 0; i < elf.nneeded; i++)
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
            if (strcmp(elf.needed[i], parts[j]) == 0)
                (void)dlopen(parts[j], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

/* Did a system call of the dynamic linker fail for a reason that passes?  It keeps its errno to
 * itself and says it in words, except where memory for a part of the object was refused. */
static bool passes(const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *reason = colon && colon[1] == ' ' ? colon + 2 : text;
    return hr_error_text_passes(reason) ||
           strcmp(reason, "failed to map segment from shared object") == 0;
}

/* Never unloaded: its threads and thread-local destructors may outlive any dlclose().  LOCAL and no
 * DEEPBIND: neither side may capture the other's symbols. */
static int open_object(const char *path, void **ret, struct hr_why *why)
{
    *ret = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*ret)
        return 0;
    const char *text = dlerror();
    size_t n = strlen(path);
    if (strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2; /* the name of the copy tells nobody anything */
    if (passes(text)) {
        (void)hr_refuse(why,
                        "cannot be loaded: %.600s: trying again can help; if it does not, raise "
                        "its limits in its confinement, or those of the container",
                        text);
        return -EAGAIN;
    }
    return hr_refuse(why,
                     "cannot be loaded: %.600s: build it as a shared object for this machine, and "
                     "have the libraries it needs in the image, where its confinement lets it "
                     "read, or linked into it",
                     text);
}

int hr_plugin_load(const char *id, const char *path, const struct hr_plugin_file *file,
                   struct hr_plugin *ret, struct hr_why *why)
{
    load_libc_parts(file);
    void *dl = NULL;
    int err = open_object(*file->load_path ? file->load_path : path, &dl, why);
    if (err)
        return err;
    void *symbol = dlsym(dl, "handrail_plugin_v1");
    if (!symbol)
        return hr_refuse(why, "does not export handrail_plugin_v1: define that function as "
                              "handrail/plugin.h declares it");
    entry_fn *entry = NULL;
    memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast from object to function pointer */
    const handrail_plugin *theirs = entry();
    if (!theirs)
        return hr_refuse(why, "handrail_plugin_v1() answered NULL: return the descriptor");
    return hr_plugin_check(id, file->sha256, theirs, ret, why);
}

/* Say why create() failed; the exit code that goes with it. */
static int refuse_create(struct hr_why *why, handrail_status status, const char *reason)
{
    bool retry = status == HANDRAIL_E_UNAVAILABLE || status == HANDRAIL_E_NOMEM;
    (void)hr_refuse(why, "create() failed (%s): %.600s: %s", hr_status_name(status),
                    *reason ? reason : "it gave no reason",
                    retry ? "trying again can help"
                          : "correct its configuration in the tool registry");
    return retry ? HR_EXIT_TEMPFAIL : HR_EXIT_CONFIG;
}

int hr_plugin_create(struct hr_plugin *p, const char *config, size_t len, struct hr_why *why)
{
    struct hr_call *call = NULL;
    if (hr_call_new(p, NULL, NULL, 0, 0, &call))
        return refuse_create(why, HANDRAIL_E_NOMEM, "the host has no memory to call it");
    handrail_call *handle = hr_call_handle(call);
    void *self = NULL;
    handrail_status status = p->api.create(hr_host_services(), handle, config, len, &self);
    int code = 0;
    if (status == HANDRAIL_OK) {
        p->self = self;
    } else {
        struct hr_call *locked = hr_call_lock(handle); /* threads of its own may still use it */
        code = refuse_create(why, status, locked ? hr_buf_str(&locked->error) : "");
        if (locked)
            hr_call_unlock(locked);
    }
    hr_call_free(call);
    return code;
}

void hr_plugin_release(struct hr_plugin *p)
{
    free(p->tools);
    p->tools = NULL;
    p->ntools = 0;
    hr_buf_free(&p->tools_json);
}
