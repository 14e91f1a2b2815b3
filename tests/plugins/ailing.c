/* SPDX-License-Identifier: MIT
 * A plugin with a health(), which answers as its tool "ail" was told to: {"status", "ms", "text"}.
 */
#include <handrail/plugin.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const handrail_host *host;
/* What health() answers, after so many ms. */
static struct {
    pthread_mutex_t lock;
    int status;
    int delay;
    char text[512];
} next = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int inside; /* threads in it */
static int asked;  /* how often it was called */

static int number(const char *args, const char *name, int fallback)
{
    const char *at = strstr(args, name);
    at = at ? strchr(at, ':') : NULL;
    return at ? (int)strtol(at + 1, NULL, 10) : fallback;
}

static void set(const char *args)
{
    const char *at = strstr(args, "\"text\"");
    at = at ? strchr(at + 6, '"') : NULL;
    const char *end = at ? strchr(at + 1, '"') : NULL;
    (void)pthread_mutex_lock(&next.lock);
    next.text[0] = '\0';
    if (end && (size_t)(end - at) < sizeof(next.text)) {
        memcpy(next.text, at + 1, (size_t)(end - at - 1));
        next.text[end - at - 1] = '\0';
    }
    next.delay = number(args, "\"ms\"", 0);
    next.status = number(args, "\"status\"", 0);
    (void)pthread_mutex_unlock(&next.lock);
}

static handrail_status ail(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self, (void)call, (void)len;
    set(args);
    return HANDRAIL_OK;
}

static handrail_status count(void *self, handrail_call *call, const char *args, size_t len)
{
    char said[16];
    (void)self, (void)args, (void)len;
    int n = snprintf(said, sizeof(said), "%d", __atomic_load_n(&asked, __ATOMIC_SEQ_CST));
    return host->add_text(host, call, said, (size_t)n);
}

static handrail_status wait_ms(void *self, handrail_call *call, const char *args, size_t len)
{
    struct pollfd p = {.fd = host->cancel_fd(host, call), .events = POLLIN};
    (void)self, (void)len;
    (void)poll(&p, 1, number(args, "\"ms\"", 0));
    return HANDRAIL_OK;
}

static handrail_status health(void *self, handrail_call *call)
{
    (void)self;
    if (__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST) != 0)
        abort(); /* two at once */
    (void)__atomic_fetch_add(&asked, 1, __ATOMIC_SEQ_CST);
    int64_t left = host->time_left_ms(host, call);
    if (left < 1 || left > 5000 || host->cancelled(host, call))
        abort();
    host->progress(host, call, 1, 2, "nobody hears this", 17);
    host->tell(host, call, HANDRAIL_LOG_INFO, "nor this", 8);
    (void)pthread_mutex_lock(&next.lock);
    handrail_status answer = next.status;
    int ms = next.delay;
    if (answer == HANDRAIL_E_NOMEM) /* as the error, for once */
        host->set_error(host, call, next.text, strlen(next.text));
    else if (next.text[0])
        (void)host->add_text(host, call, next.text, strlen(next.text));
    (void)pthread_mutex_unlock(&next.lock);
    if (answer == HANDRAIL_PENDING)
        host->complete(host, call, HANDRAIL_OK); /* which is not for it */
    (void)poll(NULL, 0, ms);
    (void)__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    return answer;
}

/* The configuration is what "ail" takes, for the beginning. */
static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call, (void)len, (void)self;
    host = the_host;
    set(config);
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

static const handrail_tool *const tools[] = {TOOL(ail), TOOL(count), TOOL(wait_ms), NULL};

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "ailing",
        .version = "1",
        .config_schema = "{\"properties\":{\"status\":{\"type\":\"integer\"}}}",
        .tools = tools,
        .create = create,
        .destroy = destroy,
        .health = health,
    };
    return &plugin;
}
