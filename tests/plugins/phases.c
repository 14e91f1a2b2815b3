/* SPDX-License-Identifier: MIT
 * A plugin that listens to the pod's phases, and needs a host that tells them.  How on_phase()
 * behaves is its configuration at first, and then what its tool "behave" was told last:
 * {"status", "ms", "text"}. */
#include <handrail/phase.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const handrail_host *host;
static const handrail_phase_source *source;

static struct {
    pthread_mutex_t lock;
    int status;
    int delay;
    char text[512];
    char heard[65536]; /* events, one a line */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int inside; /* threads in on_phase() */

static int number(const char *args, const char *name)
{
    const char *at = strstr(args, name);
    at = at ? strchr(at, ':') : NULL;
    return at ? (int)strtol(at + 1, NULL, 10) : 0;
}

static void set(const char *args)
{
    const char *at = strstr(args, "\"text\"");
    at = at ? strchr(at + 6, '"') : NULL;
    const char *end = at ? strchr(at + 1, '"') : NULL;
    (void)pthread_mutex_lock(&state.lock);
    (void)snprintf(state.text, sizeof(state.text), "%.*s", end ? (int)(end - at - 1) : 0,
                   end ? at + 1 : "");
    state.delay = number(args, "\"ms\"");
    state.status = number(args, "\"status\"");
    (void)pthread_mutex_unlock(&state.lock);
}

static handrail_status behave(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self, (void)call, (void)len;
    set(args);
    return HANDRAIL_OK;
}

static handrail_status heard(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self, (void)args, (void)len;
    (void)pthread_mutex_lock(&state.lock);
    handrail_status status = host->add_text(host, call, state.heard, strlen(state.heard));
    (void)pthread_mutex_unlock(&state.lock);
    return status;
}

/* What the host says when it is asked. */
static handrail_status present(void *self, handrail_call *call, const char *args, size_t len)
{
    char event[HANDRAIL_PHASE_EVENT_MAX + 1] = "";
    (void)self, (void)args, (void)len;
    size_t n = source->present(host, event, sizeof(event));
    if (strlen(event) != n)
        abort();
    return host->add_text(host, call, event, n);
}

/* The same with too little room, and with just enough; it must not change meanwhile. */
static handrail_status room(void *self, handrail_call *call, const char *args, size_t len)
{
    char event[HANDRAIL_PHASE_EVENT_MAX + 1] = "untouched";
    (void)self, (void)call, (void)args, (void)len;
    size_t n = source->present(host, NULL, 0);
    if (source->present(host, event, n) != n || source->present(host, event, 0) != n ||
        source->present(host, NULL, sizeof(event)) != n || strcmp(event, "untouched") != 0 ||
        source->present(host, event, n + 1) != n || strlen(event) != n)
        return HANDRAIL_E_FAILED;
    return HANDRAIL_OK;
}

static handrail_status wait_ms(void *self, handrail_call *call, const char *args, size_t len)
{
    struct pollfd p = {.fd = host->cancel_fd(host, call), .events = POLLIN};
    (void)self, (void)len;
    (void)poll(&p, 1, number(args, "\"ms\""));
    return HANDRAIL_OK;
}

static void note(const char *phase, const char *json, size_t len)
{
    size_t used = strlen(state.heard);
    if (strlen(json) != len || used + strlen(phase) + len + 3 > sizeof(state.heard))
        abort();
    (void)snprintf(state.heard + used, sizeof(state.heard) - used, "%s %s\n", phase, json);
}

static handrail_status on_phase(void *self, handrail_call *call, const char *phase,
                                const char *json, size_t len)
{
    if (self != &state || __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST) != 0)
        abort(); /* not ours, or two at once */
    int64_t left = host->time_left_ms(host, call);
    if (left < 1 || left > 5000 || host->cancelled(host, call))
        abort();
    host->progress(host, call, 1, 2, "nobody hears this", 17);
    host->tell(host, call, HANDRAIL_LOG_INFO, "nor this", 8);
    (void)host->add_text(host, call, "nor this", 8);
    (void)pthread_mutex_lock(&state.lock);
    note(phase, json, len);
    handrail_status answer = state.status;
    int ms = state.delay;
    if (state.text[0])
        host->set_error(host, call, state.text, strlen(state.text));
    (void)pthread_mutex_unlock(&state.lock);
    if (answer == HANDRAIL_PENDING)
        host->complete(host, call, HANDRAIL_OK); /* which is not for it */
    (void)poll(NULL, 0, ms);
    (void)__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    return answer;
}

static const void *get_extension(void *self, const char *id)
{
    static const handrail_phase_listener listener = {.struct_size = sizeof(listener),
                                                     .on_phase = on_phase};
    static handrail_phase_listener odd = {.struct_size = sizeof(odd)};
    if (self != &state || strcmp(id, HANDRAIL_PHASE) != 0)
        return NULL;
    if (strcmp(state.text, "slow to answer") == 0)
        (void)poll(NULL, 0, state.delay);
    if (strcmp(state.text, "too small") == 0)
        odd.struct_size = 8;
    if (strcmp(state.text, "too small") == 0 || strcmp(state.text, "empty") == 0)
        return &odd;
    return &listener;
}

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call, (void)len;
    host = the_host;
    source = host->get_extension(host, HANDRAIL_PHASE);
    if (!source || source->struct_size < sizeof(*source) || source->present(host, NULL, 0) != 0)
        return HANDRAIL_E_FAILED;
    set(config);
    *self = &state;
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    (void)self;
    (void)printf("destroyed\n");
}

#define TOOL(fn)                                                                                   \
    &(const handrail_tool)                                                                         \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .name = #fn, .description = "For tests.",            \
        .input_schema = "{\"type\":\"object\"}", .invoke = (fn),                                   \
    }

static const handrail_tool *const tools[] = {TOOL(behave), TOOL(heard),   TOOL(present),
                                             TOOL(room),   TOOL(wait_ms), NULL};
static const char *const needed[] = {HANDRAIL_PHASE, NULL};

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "phases",
        .version = "1",
        .config_schema = "{\"properties\":{\"status\":{\"type\":\"integer\"}}}",
        .needs_extensions = needed,
        .tools = tools,
        .create = create,
        .destroy = destroy,
        .get_extension = get_extension,
    };
    return &plugin;
}
