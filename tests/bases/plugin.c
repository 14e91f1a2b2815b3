/* SPDX-License-Identifier: MIT
 * A tool that says which C library it was built with and which one it got, and has worked with:
 * threads, which had a library of their own until glibc 2.34, mathematics, and what is new in
 * 2.38. */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <handrail/plugin.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static handrail_status create(const handrail_host *host, handrail_call *call, const char *config,
                              size_t len, void **self)
{
    (void)call, (void)config, (void)len;
    *self = (void *)(size_t)host;
    return HANDRAIL_OK;
}

static void *in_thread(void *number)
{
    *(double *)number = sqrt(pow(*(double *)number, 2.0) + cos(0.0));
    return NULL;
}

static handrail_status invoke(void *self, handrail_call *call, const char *args, size_t len)
{
    const handrail_host *host = self;
    char text[128], running[16] = "";
    double number = strtol("1", NULL, 0) * sqrt(8.0);
    pthread_t thread;

    (void)args, (void)len;
    if (pthread_create(&thread, NULL, in_thread, &number) != 0 || pthread_join(thread, NULL) != 0)
        return HANDRAIL_E_FAILED;
#if __GLIBC_PREREQ(2, 38)
    strlcpy(running, gnu_get_libc_version(), sizeof(running));
#else
    strncpy(running, gnu_get_libc_version(), sizeof(running) - 1);
#endif
    snprintf(text, sizeof(text), "built %d.%d running %s symbol %s number %.1f", __GLIBC__,
             __GLIBC_MINOR__, running, dlsym(RTLD_DEFAULT, "pthread_create") ? "yes" : "no",
             number);
    return host->add_text(host, call, text, strlen(text));
}

HANDRAIL_EXPORT const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool tool = {
        .struct_size = sizeof(tool),
        .name = PLUGIN_NAME,
        .description = "Says which C library runs.",
        .input_schema = "{\"type\":\"object\"}",
        .invoke = invoke,
    };
    static const handrail_tool *const tools[] = {&tool, NULL};
    static const handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .id = PLUGIN_NAME,
        .version = "1.0.0",
        .tools = tools,
        .create = create,
    };
    return &plugin;
}
