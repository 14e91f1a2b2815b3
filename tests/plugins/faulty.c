/* SPDX-License-Identifier: MIT
 * A plugin with every fault that a tool can have, one tool for each, and some that behave, to see
 * that those go on.  The integer arguments are `ms` and `bytes`. */
#include <handrail/plugin.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const handrail_host *host;

static void add(handrail_call *call, const char *text)
{
    (void)host->add_text(host, call, text, strlen(text));
}

/* The number after "name": in args, or fallback: enough for the arguments of a test. */
static long number(const char *args, const char *name, long fallback)
{
    const char *at = strstr(args, name);
    at = at ? strchr(at, ':') : NULL;
    if (!at)
        return fallback;
    char *end = NULL;
    long value = strtol(at + 1, &end, 10);
    return end == at + 1 ? fallback : value;
}

#define TOOL_FN(fn)                                                                                \
    static handrail_status fn(                                                                     \
        void *self __attribute__((unused)), handrail_call *call __attribute__((unused)),           \
        const char *args __attribute__((unused)), size_t len __attribute__((unused)))

TOOL_FN(crash)
{
    abort();
}

TOOL_FN(segv)
{
    (void)raise(SIGSEGV); /* a wild pointer would be a sanitizer's finding here */
    return HANDRAIL_OK;
}

TOOL_FN(hang)
{
    while (pause() == -1) /* which is all that it ever answers */
        continue;
    return HANDRAIL_E_FAILED;
}

/* Wait, at most as long as asked for; nonzero if the call was cancelled meanwhile. */
static int wait_ms(handrail_call *call, long ms)
{
    struct pollfd p = {.fd = host->cancel_fd(host, call), .events = POLLIN};
    return poll(&p, 1, (int)ms) == 1;
}

TOOL_FN(slow)
{
    if (wait_ms(call, number(args, "ms", 100)))
        return HANDRAIL_E_CANCELLED;
    add(call, "slept");
    return HANDRAIL_OK;
}

/* The same, but never two at once: it fails if the host lets that happen. */
TOOL_FN(alone)
{
    static int running;
    if (__atomic_fetch_add(&running, 1, __ATOMIC_SEQ_CST) != 0)
        add(call, "not alone");
    handrail_status status = slow(self, call, args, len);
    (void)__atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
    return status;
}

TOOL_FN(print)
{
    (void)printf("a whole line on stdout\nand half of one");
    return HANDRAIL_OK;
}

/* Leaves a process behind; the answer is its pid. */
TOOL_FN(forks)
{
    char text[16];
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            (void)pause();
    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    add(call, text);
    return HANDRAIL_OK;
}

TOOL_FN(big)
{
    size_t n = (size_t)number(args, "bytes", 1000);
    char *text = malloc(n + 1);
    if (!text)
        return HANDRAIL_E_NOMEM;
    memset(text, 'x', n);
    handrail_status status = host->add_text(host, call, text, n);
    free(text);
    return strstr(args, "careless") ? HANDRAIL_OK : status;
}

struct later {
    handrail_call *call;
    long ms;
};

static void *complete_later(void *arg)
{
    struct later *later = arg;
    int cancelled = wait_ms(later->call, later->ms);
    if (!cancelled)
        add(later->call, "completed later");
    host->complete(host, later->call, cancelled ? HANDRAIL_E_CANCELLED : HANDRAIL_OK);
    free(later);
    return NULL;
}

TOOL_FN(pending)
{
    pthread_t thread;
    struct later *later = malloc(sizeof(*later));
    if (!later)
        return HANDRAIL_E_NOMEM;
    *later = (struct later){.call = call, .ms = number(args, "ms", 100)};
    if (pthread_create(&thread, NULL, complete_later, later)) {
        free(later);
        return HANDRAIL_E_FAILED;
    }
    (void)pthread_detach(thread);
    return HANDRAIL_PENDING;
}

static handrail_call *parked_call;

/* Only cancel() ever ends it.  It can take its time to say so. */
TOOL_FN(parked)
{
    __atomic_store_n(&parked_call, call, __ATOMIC_SEQ_CST);
    (void)poll(NULL, 0, (int)number(args, "ms", 0));
    return HANDRAIL_PENDING;
}

/* Nothing ever ends it. */
TOOL_FN(lost)
{
    return HANDRAIL_PENDING;
}

TOOL_FN(badutf8)
{
    (void)host->add_text(host, call, "a\xff\xfe z", 5);
    host->set_error(host, call, "bad \xc3 reason", 12);
    return number(args, "fail", 0) ? HANDRAIL_E_DENIED : HANDRAIL_OK;
}

TOOL_FN(json)
{
    if (host->set_json(host, call, "[1]", 3) != HANDRAIL_E_INVALID ||
        host->set_json(host, call, "{\"a\":", 5) != HANDRAIL_E_INVALID)
        return HANDRAIL_E_FAILED;
    (void)host->set_json(host, call, "{\"answer\":41}", 13);
    (void)host->set_json(host, call, "{\"answer\":42}", 13);
    if (host->add_blob(host, call, "no type", "x", 1) != HANDRAIL_E_INVALID)
        return HANDRAIL_E_FAILED;
    return host->add_blob(host, call, "image/png", "\0\1\2", 3);
}

TOOL_FN(end_process)
{
    exit(3);
}

/* Completes, completes again, and uses what is no longer its own. */
TOOL_FN(twice)
{
    add(call, "once");
    host->complete(host, call, HANDRAIL_OK);
    host->complete(host, call, HANDRAIL_E_FAILED);
    if (host->add_text(host, call, "late", 4) == HANDRAIL_OK || !host->cancelled(host, call))
        abort();
    return HANDRAIL_PENDING;
}

/* `n` steps of `ms` each: progress after each, and `tells` messages at each. */
TOOL_FN(news)
{
    long n = number(args, "\"n\"", 3);
    long each = number(args, "tells", 0);
    long ms = number(args, "ms", 0);
    char text[32];
    for (long i = 1; i <= n; i++) {
        for (long k = 0; k < each; k++)
            host->tell(host, call, HANDRAIL_LOG_INFO, text,
                       (size_t)snprintf(text, sizeof(text), "message %ld", (i - 1) * each + k + 1));
        host->progress(host, call, (double)i, (double)n, "a\xc3", 2); /* half a character */
        if (ms && wait_ms(call, ms))
            return HANDRAIL_E_CANCELLED;
    }
    host->progress(host, call, 0.5, -1, "back", 4); /* not greater: ignored */
    return HANDRAIL_OK;
}

TOOL_FN(resource)
{
    static const char *const bad[] = {NULL, "", "no-scheme", ":x", "a:b c", "a:\xc3\xa4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (host->add_resource(host, call, bad[i], "text/plain", "x", 1) != HANDRAIL_E_INVALID)
            return HANDRAIL_E_FAILED;
    if (host->add_resource(host, call, "a:b", "no type", "x", 1) != HANDRAIL_E_INVALID)
        return HANDRAIL_E_FAILED;
    (void)host->add_resource(host, call, "test://text", "text/plain", "words", 5);
    return host->add_resource(host, call, "test://bytes", "application/x-bytes", "\0\1", 2);
}

/* A status that no header has, and the services that nothing else here calls. */
TOOL_FN(unknown)
{
    host->log(host, HANDRAIL_LOG_INFO, "a line\nfrom the plugin", 22);
    host->progress(host, call, 1.0, 2.0, "half", 4);
    if (host->get_extension(host, "handrail.nothing/1") || host->time_left_ms(host, call) < 1)
        abort();
    return -1234;
}

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)config;
    (void)len;
    host = the_host;
    if (host->time_left_ms(host, call) != -1 || host->cancelled(host, call))
        return HANDRAIL_E_FAILED;
    *self = &host;
    (void)printf("created\n");
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    if (self == &host)
        (void)printf("destroyed\n");
}

static void cancel(void *self, handrail_call *call)
{
    (void)self;
    if (call == __atomic_load_n(&parked_call, __ATOMIC_SEQ_CST))
        host->complete(host, call, HANDRAIL_E_CANCELLED);
}

/* Short, so that nobody has to wait long to see a deadline pass. */
enum { HANG_TIMEOUT_MS = 1500 };

#define TOOL(tool_name, fn, hints) LIMITED_TOOL(tool_name, fn, hints, 0, 0)
#define LIMITED_TOOL(tool_name, fn, hints, limit, timeout)                                         \
    &(const handrail_tool)                                                                         \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .flags = (hints), .name = (tool_name),               \
        .description = "Misbehaves.", .input_schema = "{\"type\":\"object\"}",                     \
        .max_concurrency = (limit), .timeout_ms = (timeout), .invoke = (fn),                       \
    }

static const handrail_tool *const tools[] = {
    TOOL("crash", crash, 0),
    TOOL("segv", segv, 0),
    LIMITED_TOOL("hang", hang, 0, 0, HANG_TIMEOUT_MS),
    TOOL("slow", slow, 0),
    LIMITED_TOOL("alone", alone, HANDRAIL_TOOL_READ_ONLY, 1, 0),
    TOOL("print", print, 0),
    TOOL("fork", forks, 0),
    TOOL("big", big, 0),
    TOOL("pending", pending, 0),
    TOOL("parked", parked, 0),
    TOOL("lost", lost, 0),
    TOOL("badutf8", badutf8, 0),
    TOOL("json", json, 0),
    TOOL("exit", end_process, 0),
    TOOL("twice", twice, 0),
    TOOL("unknown", unknown, 0),
    TOOL("news", news, 0),
    TOOL("resource", resource, 0),
    /* which may be run again */
    TOOL("crash_again", crash, HANDRAIL_TOOL_READ_ONLY),
    TOOL("slow_again", slow, HANDRAIL_TOOL_IDEMPOTENT),
    TOOL("news_again", news, HANDRAIL_TOOL_IDEMPOTENT),
    LIMITED_TOOL("hang_again", hang, HANDRAIL_TOOL_IDEMPOTENT, 0, HANG_TIMEOUT_MS),
    NULL,
};

__attribute__((constructor)) static void constructed(void)
{
    (void)printf("constructed\n");
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "faulty",
        .version = "1.2.3",
        .tools = tools,
        .create = create,
        .destroy = destroy,
        .cancel = cancel,
    };
    return &plugin;
}
