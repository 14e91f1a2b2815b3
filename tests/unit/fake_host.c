/* SPDX-License-Identifier: MIT */
#include "fake_host.h"

#include "check.h"

#include <dlfcn.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_last[512];
static long log_lines;

static char *copy(const char *data, size_t len)
{
    char *s = malloc(len + 1);

    if (!s)
        abort();
    memcpy(s, data, len);
    s[len] = '\0';
    return s;
}

static void do_log(const handrail_host *h, handrail_log_level level, const char *msg, size_t len)
{
    (void)h, (void)level;
    pthread_mutex_lock(&log_lock);
    log_lines++;
    (void)snprintf(log_last, sizeof(log_last), "%.*s", (int)len, msg);
    pthread_mutex_unlock(&log_lock);
}

static int32_t do_cancelled(const handrail_host *h, const handrail_call *call)
{
    handrail_call *c = (handrail_call *)(uintptr_t)call; /* const to the plugin only */
    long poll = atomic_fetch_add(&c->polls, 1) + 1;

    (void)h;
    return atomic_load(&c->cancel) || (c->cancel_at_poll && poll >= c->cancel_at_poll);
}

static int32_t do_cancel_fd(const handrail_host *h, const handrail_call *c)
{
    (void)h, (void)c;
    return -1;
}

static int64_t do_time_left_ms(const handrail_host *h, const handrail_call *c)
{
    (void)h;
    return c->time_left_ms;
}

static void do_progress(const handrail_host *h, handrail_call *c, double done, double total,
                        const char *msg, size_t len)
{
    (void)h, (void)c, (void)done, (void)total, (void)msg, (void)len;
}

static handrail_status do_add_text(const handrail_host *h, handrail_call *c, const char *text,
                                   size_t len)
{
    (void)h;
    if (len > c->text_max - c->text_len)
        return HANDRAIL_E_LIMIT;
    char *all = realloc(c->text, c->text_len + len + 1);
    if (!all)
        return HANDRAIL_E_NOMEM;
    memcpy(all + c->text_len, text, len);
    c->text = all;
    c->text_len += len;
    all[c->text_len] = '\0';
    return HANDRAIL_OK;
}

static handrail_status do_add_blob(const handrail_host *h, handrail_call *c, const char *mime,
                                   const void *data, size_t len)
{
    (void)h, (void)mime, (void)data, (void)len;
    c->blobs++;
    return HANDRAIL_OK;
}

static handrail_status do_set_json(const handrail_host *h, handrail_call *c, const char *json,
                                   size_t len)
{
    json_t *v = json_loadb(json, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

    (void)h;
    c->json_first = c->text_len == 0;
    c->json_invalid = !json_is_object(v);
    json_decref(v);
    free(c->json);
    c->json = copy(json, len);
    return HANDRAIL_OK;
}

static void do_set_error(const handrail_host *h, handrail_call *c, const char *msg, size_t len)
{
    (void)h;
    free(c->error);
    c->error = copy(msg, len);
}

static void do_complete(const handrail_host *h, handrail_call *c, handrail_status status)
{
    (void)h;
    c->completions++;
    c->completed = status;
}

static const void *do_get_extension(const handrail_host *h, const char *id)
{
    (void)h, (void)id;
    return NULL;
}

const handrail_host fake_host = {
    .struct_size = sizeof(fake_host),
    .abi_minor = HANDRAIL_ABI_MINOR,
    .name = "fake",
    .version = "0",
    .log = do_log,
    .cancelled = do_cancelled,
    .cancel_fd = do_cancel_fd,
    .time_left_ms = do_time_left_ms,
    .progress = do_progress,
    .add_text = do_add_text,
    .add_blob = do_add_blob,
    .set_json = do_set_json,
    .set_error = do_set_error,
    .complete = do_complete,
    .get_extension = do_get_extension,
};

void fake_call_init(handrail_call *c)
{
    memset(c, 0, sizeof(*c));
    c->time_left_ms = -1;
    c->text_max = (size_t)16 * 1024 * 1024;
    c->text = copy("", 0);
    c->error = copy("", 0);
}

void fake_call_free(handrail_call *c)
{
    free(c->text);
    free(c->json);
    free(c->error);
    c->text = c->json = c->error = NULL;
}

const handrail_plugin *fake_host_load(const char *path)
{
    const handrail_plugin *(*entry)(void) = NULL;
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *symbol = so ? dlsym(so, "handrail_plugin_v1") : NULL;

    if (!symbol)
        fail_msg("%s", dlerror());
    memcpy(&entry, &symbol, sizeof(entry)); /* ISO C has no cast between the two */
    const handrail_plugin *p = entry();
    assert_non_null(p);
    assert_int_equal(p->magic, HANDRAIL_MAGIC);
    assert_ptr_equal(p, entry());
    return p;
}

handrail_status fake_host_invoke(const handrail_plugin *p, void *self, const char *tool,
                                 handrail_call *c, const char *args)
{
    for (const handrail_tool *const *t = p->tools; *t; t++)
        if (strcmp((*t)->name, tool) == 0)
            return (*t)->invoke(self, c, args, strlen(args));
    return HANDRAIL_E_UNSUPPORTED;
}

long fake_host_log_lines(char *last, size_t size)
{
    pthread_mutex_lock(&log_lock);
    long n = log_lines;
    (void)snprintf(last, size, "%s", log_last);
    pthread_mutex_unlock(&log_lock);
    return n;
}
