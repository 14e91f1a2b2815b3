/* SPDX-License-Identifier: MIT
 * A plugin that uses all of the ABI of the header that it is built with: every member of the host,
 * and every callback.  What a host may lack is asked for first. */
#include <handrail/plugin.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct later {
    const handrail_host *host;
    handrail_call *call;
};

static atomic_int cancelled_calls; /* cancel() comes on any thread */

static handrail_status add(const handrail_host *host, handrail_call *call, const char *text)
{
    return host->add_text(host, call, text, strlen(text));
}

/* Answers on a thread of its own. */
static void *complete(void *arg)
{
    struct later later = *(struct later *)arg;
    free(arg);
    (void)add(later.host, later.call, "later");
    later.host->complete(later.host, later.call, HANDRAIL_OK);
    return NULL;
}

static handrail_status later_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    pthread_t thread;
    struct later *later = malloc(sizeof(*later));
    (void)args;
    (void)len;
    if (!later)
        return HANDRAIL_E_NOMEM;
    *later = (struct later){.host = *(const handrail_host **)self, .call = call};
    if (pthread_create(&thread, NULL, complete, later)) {
        free(later);
        return HANDRAIL_E_UNAVAILABLE;
    }
    (void)pthread_detach(thread);
    return HANDRAIL_PENDING;
}

/* Never completed by itself: cancel() does it. */
static handrail_status wait_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self;
    (void)call;
    (void)args;
    (void)len;
    return HANDRAIL_PENDING;
}

static void cancel(void *self, handrail_call *call)
{
    const handrail_host *host = *(const handrail_host **)self;
    cancelled_calls++;
    host->complete(host, call, HANDRAIL_E_CANCELLED);
}

static handrail_status all_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    const handrail_host *host = *(const handrail_host **)self;
    char text[128];
    struct pollfd fd = {.fd = host->cancel_fd(host, call), .events = POLLIN};
    (void)args;
    (void)len;
    host->log(host, HANDRAIL_LOG_INFO, "called", 6);
    host->progress(host, call, 1, 2, "half", 4);
    if (host->cancelled(host, call) || (fd.fd >= 0 && poll(&fd, 1, 0) != 0))
        return HANDRAIL_E_CANCELLED;
    if (host->get_extension(host, "org.example.absent/1"))
        return HANDRAIL_E_FAILED;
    (void)snprintf(text, sizeof(text), "host 1.%u, plugin 1.%u, %s, %d cancelled", host->abi_minor,
                   HANDRAIL_ABI_MINOR, host->time_left_ms(host, call) > 0 ? "in time" : "late",
                   cancelled_calls);
    if (add(host, call, text) ||
        host->add_blob(host, call, "application/octet-stream", "\0\1", 2) ||
        host->set_json(host, call, "{\"n\":1}", 7))
        return HANDRAIL_E_FAILED;
    host->set_error(host, call, "not an error", 12); /* of a success, which nobody sees */
#if HANDRAIL_ABI_MINOR >= 1
    if (HANDRAIL_HAS(host, add_resource) &&
        host->add_resource(host, call, "test://x", "text/plain", "r", 1))
        return HANDRAIL_E_FAILED;
    if (HANDRAIL_HAS(host, tell))
        host->tell(host, call, HANDRAIL_LOG_INFO, "told", 4);
#endif
    return HANDRAIL_OK;
}

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    const handrail_host **me = malloc(sizeof(const handrail_host *));
    (void)call;
    if (!me || len < 2 || config[0] != '{')
        return HANDRAIL_E_INVALID;
    *me = host;
    *self = me;
    return HANDRAIL_OK;
}

static handrail_status health(void *self, handrail_call *call)
{
    return add(*(const handrail_host **)self, call, "well");
}

static const void *get_extension(void *self, const char *id)
{
    (void)self;
    (void)id;
    return NULL;
}

#define TOOL(fn, tool_name)                                                                        \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .name = (tool_name), .title = (tool_name),           \
        .description = "Uses the ABI.", .input_schema = "{\"type\":\"object\"}",                   \
        .output_schema = NULL, .max_concurrency = 4, .timeout_ms = 5000, .invoke = (fn),           \
    }
static const handrail_tool all = TOOL(all_invoke, "all");
static const handrail_tool later = TOOL(later_invoke, "later");
static const handrail_tool wait_tool = TOOL(wait_invoke, "wait");
static const handrail_tool *const tools[] = {&all, &later, &wait_tool, NULL};

static const handrail_plugin plugin = {
    .magic = HANDRAIL_MAGIC,
    .struct_size = sizeof(handrail_plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
#ifdef NEEDS_ITS_OWN
    .needs_minor = HANDRAIL_ABI_MINOR,
#endif
    .id = "minor",
    .version = "1.0.0",
    .tools = tools,
    .create = create,
    .destroy = free,
    .health = health,
    .cancel = cancel,
    .get_extension = get_extension,
};

const handrail_plugin *handrail_plugin_v1(void)
{
    return &plugin;
}
