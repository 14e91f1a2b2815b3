/* SPDX-License-Identifier: MIT
 * A plugin that turns on its own process, one way for each {"what": ...}: what a library inside a
 * plugin may do without its author knowing. */
#include <handrail/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const handrail_host *host;

enum { DESCRIPTORS = 1024, TIMEOUT_MS = 1500 };

static handrail_status said(handrail_call *call, const char *text)
{
    return host->add_text(host, call, text, strlen(text));
}

static void sleep_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* ---- ends of the process, and of threads --------------------------------------------------- */

/* A child keeps everything open that the process has, for a minute, and the process dies. */
static handrail_status leave_child(handrail_call *call)
{
    (void)call;
    if (fork() == 0) {
        sleep_ms(60 * 1000);
        _exit(0);
    }
    abort();
}

static handrail_status exit_at_once(handrail_call *call)
{
    (void)call;
    _exit(0);
}

static handrail_status exit_slowly(handrail_call *call)
{
    (void)call;
    exit(0);
}

static handrail_status exit_thread(handrail_call *call)
{
    (void)call;
    pthread_exit(NULL);
}

static void *exits(void *arg)
{
    (void)arg;
    exit(7);
}

static pthread_t start(void *(*f)(void *), void *arg)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, f, arg))
        abort();
    return thread;
}

static handrail_status exit_elsewhere(handrail_call *call)
{
    (void)call;
    (void)pthread_detach(start(exits, NULL));
    return HANDRAIL_PENDING;
}

static void at_exit_forever(void)
{
    for (;;)
        (void)pause();
}

/* exit() never comes to an end. */
static handrail_status exit_never(handrail_call *call)
{
    (void)atexit(at_exit_forever);
    return exit_slowly(call);
}

static unsigned deep(const volatile unsigned char *above)
{
    volatile unsigned char here[4096];
    here[0] = *above;
    return here[0] ? deep(here) + here[0] : 0;
}

static handrail_status overflow(handrail_call *call)
{
    volatile unsigned char first = 1;
    (void)call;
    return (handrail_status)deep(&first);
}

/* ---- handles ------------------------------------------------------------------------------- */

static handrail_call *_Atomic over; /* of a call that has ended, or is about to */

static void *completes(void *arg)
{
    for (int i = 0; i < 100; i++)
        host->complete(host, arg, i % 2 ? HANDRAIL_E_FAILED : HANDRAIL_OK);
    return NULL;
}

static handrail_status complete_at_once(handrail_call *call)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    (void)said(call, "completed");
    over = call; /* its answer may be there, and the next call made, before we return */
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(completes, call);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    return HANDRAIL_PENDING;
}

static void *uses(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        host->progress(host, arg, i, -1, "late", 4);
        (void)host->add_text(host, arg, "late", 4);
        (void)host->set_json(host, arg, "{}", 2);
        host->set_error(host, arg, "late", 4);
        (void)host->cancelled(host, arg);
        (void)host->cancel_fd(host, arg);
        (void)host->time_left_ms(host, arg);
        host->complete(host, arg, HANDRAIL_E_FAILED);
    }
    return NULL;
}

/* What is done with a handle that is over touches no call that is not. */
static handrail_status use_stale(handrail_call *call)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(uses, over);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    (void)uses((void *)(uintptr_t)0x1234);
    return said(call, "not touched");
}

/* ---- the process's own --------------------------------------------------------------------- */

static handrail_status close_all(handrail_call *call)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++)
        (void)close(fd);
    return said(call, "closed");
}

static handrail_status close_standard(handrail_call *call)
{
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd);
    return said(call, "closed");
}

/* Nothing fails, and nobody can be heard or spoken to any more. */
static handrail_status replace_descriptors(handrail_call *call)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 3; fd < null; fd++)
        (void)dup2(null, fd);
    return said(call, "replaced");
}

static handrail_status block_signals(handrail_call *call)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_IGN);
    return said(call, "deaf");
}

/* poll() itself is refused then. */
static handrail_status no_descriptors(handrail_call *call)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    return said(call, setrlimit(RLIMIT_NOFILE, &none) ? "denied" : "limited");
}

/* ---- floods -------------------------------------------------------------------------------- */

static handrail_status flood_progress(handrail_call *call)
{
    static char text[4096];
    memset(text, 'p', sizeof(text));
    double done = 0;
    while (done >= 0)
        host->progress(host, call, done++, -1, text, sizeof(text));
    return HANDRAIL_OK;
}

static handrail_status flood_output(handrail_call *call)
{
    static char text[1024 * 1024];
    (void)call;
    memset(text, 'x', sizeof(text));
    for (;;)
        if (write(STDERR_FILENO, text, sizeof(text)) < 0 && errno != EAGAIN)
            return HANDRAIL_E_FAILED;
}

static handrail_status nothing(handrail_call *call)
{
    return said(call, "nothing");
}

static const struct {
    const char *name;
    handrail_status (*f)(handrail_call *call);
} ways[] = {
    {"leave_child", leave_child},
    {"exit_at_once", exit_at_once},
    {"exit_slowly", exit_slowly},
    {"exit_thread", exit_thread},
    {"exit_elsewhere", exit_elsewhere},
    {"exit_never", exit_never},
    {"overflow", overflow},
    {"complete_at_once", complete_at_once},
    {"use_stale", use_stale},
    {"close_all", close_all},
    {"close_standard", close_standard},
    {"replace_descriptors", replace_descriptors},
    {"block_signals", block_signals},
    {"no_descriptors", no_descriptors},
    {"flood_progress", flood_progress},
    {"flood_output", flood_output},
    {"nothing", nothing},
};

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    (void)self, (void)len;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char quoted[64];
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", ways[i].name);
        if (strstr(args, quoted))
            return ways[i].f(call);
    }
    return HANDRAIL_E_INVALID;
}

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call, (void)config, (void)len;
    host = the_host;
    *self = NULL;
    return HANDRAIL_OK;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = {
        .struct_size = sizeof(tool),
        .name = "wild",
        .description = "Turns on its own process.",
        .input_schema = "{\"type\":\"object\"}",
        .timeout_ms = TIMEOUT_MS,
        .invoke = invoke,
    };
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "wild",
        .version = "1.0.0",
        .tools = tools,
        .create = create,
    };
    return &plugin;
}
