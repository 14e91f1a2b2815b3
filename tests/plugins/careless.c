/* SPDX-License-Identifier: MIT
 * A plugin that breaks one rule, which is chosen when it is built: for each there is a case of
 * `handrail plugin check` that has to notice. */
#include <fcntl.h>
#include <handrail/phase.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const handrail_host *host;

static void *sleeper(void *arg)
{
    (void)arg;
    for (;;)
        (void)pause();
    return NULL;
}

static __attribute__((unused)) void leave_thread(void)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, sleeper, NULL);
}

/* What cannot be optimised away. */
static void *volatile lost __attribute__((unused));

#if defined(KEEPS_HISTORY)
/* No fault: what it holds has an end. */
static void keep(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static void *kept[256];
    static unsigned next;
    (void)pthread_mutex_lock(&lock);
    free(kept[next]);
    kept[next] = malloc(8192);
    memset(kept[next], 1, 8192);
    next = (next + 1) % 256;
    (void)pthread_mutex_unlock(&lock);
}
#endif

static handrail_status create(const handrail_host *h, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    host = h;
    *self = NULL;
    (void)call;
    (void)config;
    (void)len;
#if defined(LEAKS_DESCRIPTOR)
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
#elif defined(LEAKS_THREAD)
    leave_thread();
#elif defined(LEAKS_MEMORY)
    lost = malloc(100);
#elif defined(PRINTS)
    (void)printf("hello from create\xff\n");
#elif defined(CHANGES_UMASK)
    (void)umask(0);
#elif defined(CHANGES_SIGNAL)
    (void)sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
#elif defined(REFUSES_SILENTLY)
    if (len > 2)
        return HANDRAIL_E_INVALID;
#elif defined(CRASHES_ON_CONFIG)
    if (len > 2)
        abort();
#endif
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    (void)self;
#if defined(HANGS_IN_DESTROY)
    sleeper(NULL);
#endif
}

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    static const char json[] = "{\"n\":\"text\"}";
    (void)self;
    (void)args;
#if defined(NO_REASON)
    return HANDRAIL_E_FAILED;
#elif defined(PRINTS_IN_CALLS)
    (void)fprintf(stderr, "a call of %zu bytes\n", len);
#elif defined(CRASHES_ON_LARGE)
    if (len > 100000)
        abort();
#elif defined(CRASHES_ON_ODD)
    if (strstr(args, "\\u0000"))
        abort();
#elif defined(EXITS)
    exit(0);
#elif defined(USES_TELL)
    host->tell(host, call, HANDRAIL_LOG_INFO, "x", 1);
#elif defined(IGNORES_CANCEL)
    for (int i = 0; i < 100; i++)
        (void)usleep(100000);
#elif defined(LEAKS_CALL_MEMORY)
    lost = malloc(4096);
    memset(lost, 1, 4096);
#elif defined(LEAKS_LITTLE)
    lost = malloc(500);
    memset(lost, 1, 500);
#elif defined(KEEPS_HISTORY)
    keep();
#elif defined(LEAKS_CALL_DESCRIPTOR)
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
#elif defined(NOT_IDEMPOTENT)
    static int calls;
    if (calls++) {
        host->set_error(host, call, "once is enough", 14);
        return HANDRAIL_E_FAILED;
    }
#endif
    (void)len;
    return host->set_json(host, call, json, sizeof(json) - 1);
}

static handrail_status health(void *self, handrail_call *call)
{
    (void)self;
    (void)call;
#if defined(HANGS_IN_HEALTH)
    sleeper(NULL);
#elif defined(CRASHES_IN_HEALTH)
    abort();
#elif defined(UNWELL_SILENTLY)
    return HANDRAIL_E_UNAVAILABLE;
#endif
    return HANDRAIL_OK;
}

static int calls_inside;

static handrail_status counted_invoke(void *self, handrail_call *call, const char *args, size_t len)
{
#if defined(CRASHES_BESIDE_CALLS)
    (void)__atomic_fetch_add(&calls_inside, 1, __ATOMIC_SEQ_CST);
    (void)usleep(2000);
#endif
    handrail_status status = invoke(self, call, args, len);
    (void)__atomic_fetch_sub(&calls_inside, 1, __ATOMIC_SEQ_CST);
    return status;
}

static handrail_status on_phase(void *self, handrail_call *call, const char *phase,
                                const char *json, size_t len)
{
    (void)self, (void)call, (void)phase, (void)json, (void)len;
#if defined(HANGS_IN_PHASE)
    sleeper(NULL);
#elif defined(SLOW_IN_PHASE)
    (void)usleep(5500 * 1000);
#elif defined(CRASHES_IN_PHASE)
    if (strcmp(phase, "draining") == 0)
        abort();
#elif defined(CRASHES_ON_ODD_PHASE)
    if (!strstr(json, "\"from\""))
        abort();
#elif defined(CRASHES_BESIDE_CALLS)
    if (__atomic_load_n(&calls_inside, __ATOMIC_SEQ_CST) > 0)
        abort();
#elif defined(FAILS_IN_PHASE)
    return HANDRAIL_E_FAILED;
#elif defined(LEAKS_PHASE_MEMORY)
    lost = malloc(100);
    memset(lost, 1, 100);
#elif defined(LEAKS_PHASE_DESCRIPTOR)
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
#elif defined(LEAKS_PHASE_THREAD)
    leave_thread();
#endif
    return HANDRAIL_OK;
}

static const void *get_extension(void *self, const char *id)
{
    static const handrail_phase_listener listener = {
#if defined(SMALL_LISTENER)
        .struct_size = 8,
#else
        .struct_size = sizeof(listener),
#endif
        .on_phase = on_phase,
    };
    (void)self;
#if defined(ANY_EXTENSION)
    (void)id;
    return &listener;
#else
    return strcmp(id, HANDRAIL_PHASE) == 0 ? &listener : NULL;
#endif
}

static const handrail_tool tool = {
    .struct_size = sizeof(handrail_tool),
    .flags = HANDRAIL_TOOL_IDEMPOTENT,
#if defined(ODD_TOOL_NAME)
    .name = "care\xff",
#else
    .name = "careless",
#endif
#if !defined(NOT_DESCRIBED)
    .description = "Takes a text and answers a number.",
#else
    .description = "x",
#endif
#if defined(BAD_SCHEMA)
    .input_schema = "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"strin\"}}}",
#else
    .input_schema = "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\","
                    "\"description\":\"Any\"}}}",
#endif
#if defined(WRONG_RESULT)
    .output_schema = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}",
#endif
    .invoke = counted_invoke,
};
static const handrail_tool *const tools[] = {&tool, NULL};

#if defined(NOT_CONSTANT)
#define CONSTANT
#else
#define CONSTANT const
#endif
static CONSTANT handrail_plugin plugin = {
#if !defined(NOT_CONSTANT)
    .magic = HANDRAIL_MAGIC,
#endif
    .struct_size = sizeof(handrail_plugin),
    .built_minor = HANDRAIL_ABI_MINOR,
#if defined(NEEDS_MORE_THAN_BUILT)
    .needs_minor = HANDRAIL_ABI_MINOR + 1,
#endif
#if defined(ODD_ID)
    .id = "care less\xff",
#else
    .id = "careless",
#endif
#if defined(ODD_VERSION)
    .version = "one",
#else
    .version = "1.0.0",
#endif
    .config_schema = "true",
    .tools = tools,
    .create = create,
    .destroy = destroy,
    .health = health,
    .get_extension = get_extension,
};

const handrail_plugin *handrail_plugin_v1(void)
{
#if defined(ANOTHER_POINTER)
    handrail_plugin *copy = malloc(sizeof(*copy));
    memcpy(copy, &plugin, sizeof(*copy));
    return copy;
#elif defined(NOT_CONSTANT)
    plugin.magic = HANDRAIL_MAGIC;
    return &plugin;
#else
    return &plugin;
#endif
}
