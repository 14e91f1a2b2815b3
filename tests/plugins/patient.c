/* SPDX-License-Identifier: MIT
 * A tool that takes as long as it is told, for what an agent sees of long calls:
 * work {"seconds": 3, "fail": true} */
#include <handrail/plugin.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const handrail_host *host;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static handrail_status work(void *self, handrail_call *call, const char *args, size_t len)
{
    char text[64];
    const char *at = strstr(args, "\"seconds\"");
    double seconds = at ? strtod(at + strcspn(at, ":") + 1, NULL) : 0;
    double began = now();
    struct pollfd cancel = {.fd = host->cancel_fd(host, call), .events = POLLIN};
    (void)self;
    (void)len;
    for (double done = 0; done < seconds; done = now() - began) {
        int n = snprintf(text, sizeof(text), "%.1f s", done);
        host->progress(host, call, done, seconds, text, (size_t)n);
        if (poll(&cancel, 1, 100) > 0)
            return HANDRAIL_E_CANCELLED;
    }
    if (strstr(args, "\"fail\": true") || strstr(args, "\"fail\":true")) {
        static const char why[] = "the widget is upside down: turn it over and call again";
        host->set_error(host, call, why, sizeof(why) - 1);
        return HANDRAIL_E_FAILED;
    }
    int n = snprintf(text, sizeof(text), "worked for %.0f s", seconds);
    return host->add_text(host, call, text, (size_t)n);
}

static handrail_status create(const handrail_host *h, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    (void)call;
    (void)config;
    (void)len;
    (void)self;
    host = h;
    return HANDRAIL_OK;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = {
        .struct_size = sizeof(handrail_tool),
        .name = "work",
        .description = "Works for so many seconds.",
        .input_schema = "{\"type\":\"object\",\"properties\":{\"seconds\":{\"type\":\"number\"},"
                        "\"fail\":{\"type\":\"boolean\"}}}",
        .timeout_ms = 150000,
        .invoke = work,
    };
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = "patient",
        .version = "1.0.0",
        .tools = tools,
        .create = create,
    };
    return &plugin;
}
