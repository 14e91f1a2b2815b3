/* SPDX-License-Identifier: MIT
 * The tools that MCP's conformance suite looks for, by the names it knows. */
#include <handrail/plugin.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const handrail_host *host;

#define TOOL_FN(fn)                                                                                \
    static handrail_status fn(                                                                     \
        void *self __attribute__((unused)), handrail_call *call __attribute__((unused)),           \
        const char *args __attribute__((unused)), size_t len __attribute__((unused)))

static handrail_status say(handrail_call *call, const char *text)
{
    return host->add_text(host, call, text, strlen(text));
}

/* One red pixel. */
static const unsigned char png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
    0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00,
    0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x08,
    0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d,
    0xb0, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

/* Silence: the header of a recording without samples. */
static const char wav[] =
    "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0"
    "data\0\0\0";

TOOL_FN(simple_text)
{
    return say(call, "This is a simple text response for testing.");
}

TOOL_FN(image)
{
    return host->add_blob(host, call, "image/png", png, sizeof(png));
}

TOOL_FN(audio)
{
    return host->add_blob(host, call, "audio/wav", wav, sizeof(wav));
}

TOOL_FN(resource)
{
    static const char text[] = "This is an embedded resource content.";
    return host->add_resource(host, call, "test://embedded-resource", "text/plain", text,
                              sizeof(text) - 1);
}

TOOL_FN(mixed)
{
    static const char json[] = "{\"test\":\"data\",\"value\":123}";
    handrail_status status = say(call, "Multiple content types test:");
    if (status == HANDRAIL_OK)
        status = image(self, call, args, len);
    if (status == HANDRAIL_OK)
        status = host->add_resource(host, call, "test://mixed-content-resource", "application/json",
                                    json, sizeof(json) - 1);
    return status;
}

enum { PAUSE_MS = 50 };
enum { PROGRESS_PAUSE_MS = 150 }; /* the host leaves out what comes quicker than every 100 ms */

TOOL_FN(logging)
{
    static const char *const lines[] = {"Tool execution started", "Tool processing data",
                                        "Tool execution completed"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        if (i)
            (void)poll(NULL, 0, PAUSE_MS);
        host->tell(host, call, HANDRAIL_LOG_INFO, lines[i], strlen(lines[i]));
    }
    return say(call, "logged three lines");
}

TOOL_FN(progress)
{
    for (int done = 0; done <= 100; done += 50) {
        if (done)
            (void)poll(NULL, 0, PROGRESS_PAUSE_MS);
        host->progress(host, call, done, 100, "", 0);
    }
    return say(call, "reported progress");
}

TOOL_FN(error)
{
    static const char why[] = "This tool intentionally returns an error for testing";
    host->set_error(host, call, why, sizeof(why) - 1);
    return HANDRAIL_E_FAILED;
}

/* A plugin's tools are fixed while it runs.  This one ends, and its next life has another list. */
static void *end_soon(void *arg)
{
    (void)arg;
    (void)poll(NULL, 0, PAUSE_MS); /* the answer is on its way */
    _exit(75);
}

TOOL_FN(tool_change)
{
    const char *mark = getenv("CONFORMANCE_MARK");
    pthread_t thread;
    int fd = -1;
    if (!mark)
        return HANDRAIL_E_UNSUPPORTED;
    if (unlink(mark) < 0)
        fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    if (pthread_create(&thread, NULL, end_soon, NULL))
        return HANDRAIL_E_UNAVAILABLE;
    (void)pthread_detach(thread);
    return say(call, "the tools are about to change");
}

#define DRAFT "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
static const char any_object[] = "{\"type\":\"object\"}";
static const char header_schema[] =
    "{\"type\":\"object\",\"properties\":{\"region\":{\"type\":\"string\","
    "\"x-mcp-header\":\"Region\"}}}";
static const char rich_schema[] =
    "{" DRAFT "\"type\":\"object\",\"$defs\":{\"address\":{\"$anchor\":\"addressDef\","
    "\"type\":\"object\",\"properties\":{\"street\":{\"type\":\"string\"},"
    "\"city\":{\"type\":\"string\"}}}},\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"address\":{\"$ref\":\"#/$defs/address\"},\"contactMethod\":{\"type\":\"string\","
    "\"enum\":[\"phone\",\"email\"]},\"phone\":{\"type\":\"string\"},"
    "\"email\":{\"type\":\"string\"}},\"allOf\":[{\"anyOf\":[{\"required\":[\"phone\"]},"
    "{\"required\":[\"email\"]}]}],\"if\":{\"properties\":{\"contactMethod\":"
    "{\"const\":\"phone\"}},\"required\":[\"contactMethod\"]},\"then\":{\"required\":[\"phone\"]},"
    "\"else\":{\"required\":[\"email\"]},\"additionalProperties\":false}";

#define TOOL(tool_name, fn, schema)                                                                \
    &(const handrail_tool)                                                                         \
    {                                                                                              \
        .struct_size = sizeof(handrail_tool), .name = (tool_name),                                 \
        .description = "For the conformance suite.", .input_schema = (schema), .invoke = (fn),     \
    }

static const handrail_tool *const tools[] = {
    TOOL("test_simple_text", simple_text, any_object),
    TOOL("test_image_content", image, any_object),
    TOOL("test_audio_content", audio, any_object),
    TOOL("test_embedded_resource", resource, any_object),
    TOOL("test_multiple_content_types", mixed, any_object),
    TOOL("test_tool_with_logging", logging, any_object),
    TOOL("test_logging_tool", logging, any_object),
    TOOL("test_tool_with_progress", progress, any_object),
    TOOL("test_streaming_elicitation", progress, any_object),
    TOOL("test_error_handling", error, any_object),
    TOOL("test_x_mcp_header", simple_text, header_schema),
    TOOL("json_schema_2020_12_tool", simple_text, rich_schema),
    TOOL("test_reconnection", simple_text, any_object),
    TOOL("test_trigger_tool_change", tool_change, any_object),
    TOOL("test_changed", simple_text, any_object),
    NULL,
};
enum { NTOOLS = sizeof(tools) / sizeof(tools[0]) - 1 };

static handrail_status create(const handrail_host *the_host, handrail_call *call,
                              const char *config, size_t len, void **self)
{
    (void)call;
    (void)config;
    (void)len;
    host = the_host;
    *self = &host;
    return HANDRAIL_OK;
}

static void destroy(void *self)
{
    (void)self;
}

const handrail_plugin *handrail_plugin_v1(void)
{
    static const handrail_tool *fewer[NTOOLS]; /* all but the last */
    const char *mark = getenv("CONFORMANCE_MARK");
    static handrail_plugin plugin = {
        .magic = HANDRAIL_MAGIC,
        .struct_size = sizeof(plugin),
        .built_minor = HANDRAIL_ABI_MINOR,
        .needs_minor = 1,
        .id = "conformance",
        .version = "1.0.0",
        .tools = tools,
        .create = create,
        .destroy = destroy,
    };
    memcpy(fewer, tools, (NTOOLS - 1) * sizeof(fewer[0]));
    if (mark && access(mark, F_OK) == 0)
        plugin.tools = fewer;
    return &plugin;
}
