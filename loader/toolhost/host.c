/* SPDX-License-Identifier: MIT
 * The services that a plugin is given.  Each may be called from any thread, with a handle that may
 * long be dead: then nothing happens, and the answer is that the call is cancelled.  See host.h. */
#include "host.h"

#include "call.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "common/json_values.h"
#include "common/log.h"
#include "common/utf8.h"
#include "phase.h"

#include <errno.h>
#include <handrail/phase.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char *plugin = "?"; /* its id */

/* hr_log() cuts lines far below this; it only keeps an absurd length out of an int. */
enum { LOG_MAX = PIPE_BUF };

static int log_len(size_t len)
{
    return len < LOG_MAX ? (int)len : LOG_MAX;
}

static void host_log(const handrail_host *host, handrail_log_level level, const char *msg,
                     size_t len)
{
    (void)host;
    enum hr_log_level ours = HR_LOG_DEBUG;
    if (level <= HANDRAIL_LOG_ERROR)
        ours = HR_LOG_ERROR;
    else if (level <= HANDRAIL_LOG_WARN)
        ours = HR_LOG_WARNING;
    else if (level <= HANDRAIL_LOG_INFO)
        ours = HR_LOG_INFO;
    if (msg)
        hr_log(ours, "plugin %s: %.*s", plugin, log_len(len), msg);
}

static bool over(const struct hr_call *c)
{
    return c->cancelled || (c->deadline_ms && hr_now_ms() >= c->deadline_ms);
}

static int32_t host_cancelled(const handrail_host *host, const handrail_call *call)
{
    (void)host;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return 1;
    int32_t yes = over(c);
    hr_call_unlock(c);
    return yes;
}

static int32_t host_cancel_fd(const handrail_host *host, const handrail_call *call)
{
    (void)host;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return -1;
    if (c->cancel_fd < 0)
        c->cancel_fd = eventfd(c->cancelled ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    int32_t fd = c->cancel_fd;
    hr_call_unlock(c);
    return fd;
}

static int64_t host_time_left_ms(const handrail_host *host, const handrail_call *call)
{
    (void)host;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return 0;
    int64_t left = -1;
    if (c->deadline_ms) {
        left = c->deadline_ms - hr_now_ms();
        if (left < 0 || c->cancelled)
            left = 0;
    }
    hr_call_unlock(c);
    return left;
}

/* Only the latest is kept: the main thread sends it when the one before is old enough. */
static void host_progress(const handrail_host *host, handrail_call *call, double done, double total,
                          const char *msg, size_t len)
{
    (void)host;
    struct hr_call *c = isfinite(done) ? hr_call_lock(call) : NULL;
    if (!c)
        return;
    if (!c->tool || c->cancelled || done <= c->progress.done) {
        hr_call_unlock(c);
        return;
    }
    bool is_news = !c->progressed;
    c->progressed = true;
    c->progress = (struct hr_frame_progress){.done = done, .total = isfinite(total) ? total : -1};
    /* Whole characters, as many as there is room for. */
    c->progress_len =
        msg ? hr_utf8_valid(msg, len < HR_PROGRESS_TEXT_MAX ? len : HR_PROGRESS_TEXT_MAX) : 0;
    if (c->progress_len)
        memcpy(c->progress_text, msg, c->progress_len);
    if (is_news)
        hr_call_post_and_unlock(c);
    else
        hr_call_unlock(c);
}

static void host_tell(const handrail_host *host, handrail_call *call, handrail_log_level level,
                      const char *msg, size_t len)
{
    (void)host;
    struct hr_call *c = msg ? hr_call_lock(call) : NULL;
    if (!c)
        return;
    bool was_empty = c->tells.len == 0;
    if (c->tool && !c->cancelled)
        hr_call_tell(c, level, msg, len);
    if (was_empty && c->tells.len)
        hr_call_post_and_unlock(c);
    else
        hr_call_unlock(c);
}

/* Add one part to the locked call's result. */
static handrail_status add_part(struct hr_call *c, enum hr_part_kind kind, const void *data,
                                size_t len)
{
    if (!hr_call_fits(c, sizeof(struct hr_frame_part) + len))
        return HANDRAIL_E_LIMIT;
    if (hr_part_add(&c->result, kind, data, len) == 0)
        return HANDRAIL_OK;
    c->left_out = true;
    return HANDRAIL_E_NOMEM;
}

static handrail_status host_add_text(const handrail_host *host, handrail_call *call,
                                     const char *text, size_t len)
{
    (void)host;
    if (!text && len)
        return HANDRAIL_E_INVALID;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return HANDRAIL_E_CANCELLED;
    handrail_status status = HANDRAIL_E_CANCELLED;
    struct hr_buf clean;
    hr_buf_init(&clean, HR_RESULT_MAX);
    if (c->cancelled) {
        /* the answer has been sent without it */
    } else if (!hr_call_fits(c, len)) {
        status = HANDRAIL_E_LIMIT;
    } else if (len == 0 || hr_utf8_valid(text, len) == len) {
        status = add_part(c, HR_PART_TEXT, text, len);
    } else {
        int err = hr_utf8_clean(&clean, text, len);
        if (!err) {
            status = add_part(c, HR_PART_TEXT, clean.data, clean.len);
        } else {
            c->left_out = true;
            status = err == -E2BIG ? HANDRAIL_E_LIMIT : HANDRAIL_E_NOMEM;
        }
    }
    hr_call_unlock(c);
    hr_buf_free(&clean);
    return status;
}

/* type "/" subtype, visible ASCII, of a bearable length. */
static bool media_type_ok(const char *mime)
{
    size_t n = mime ? strnlen(mime, HR_MEDIA_TYPE_MAX + 1) : 0;
    if (n < 3 || n > HR_MEDIA_TYPE_MAX || !strchr(mime, '/'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (mime[i] < ' ' || mime[i] > '~')
            return false;
    return true;
}

/* Bytes with their media type, and before it their address unless that is NULL. */
static handrail_status add_typed(handrail_call *call, enum hr_part_kind kind, const char *uri,
                                 const char *mime, const void *data, size_t len)
{
    if (!media_type_ok(mime) || (!data && len))
        return HANDRAIL_E_INVALID;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return HANDRAIL_E_CANCELLED;
    handrail_status status = HANDRAIL_E_CANCELLED;
    size_t uri_len = uri ? strlen(uri) + 1 : 0;
    size_t head = uri_len + strlen(mime) + 1;
    struct hr_buf blob;
    hr_buf_init(&blob, HR_RESULT_MAX);
    if (c->cancelled) {
        /* the answer has been sent without it */
    } else if (len > HR_RESULT_MAX || !hr_call_fits(c, head + len)) {
        c->left_out = true;
        status = HANDRAIL_E_LIMIT;
    } else if (hr_buf_add(&blob, uri, uri_len) || hr_buf_add(&blob, mime, strlen(mime) + 1) ||
               hr_buf_add(&blob, data, len)) {
        c->left_out = true;
        status = HANDRAIL_E_NOMEM;
    } else {
        status = add_part(c, kind, blob.data, blob.len);
    }
    hr_call_unlock(c);
    hr_buf_free(&blob);
    return status;
}

static handrail_status host_add_blob(const handrail_host *host, handrail_call *call,
                                     const char *mime, const void *data, size_t len)
{
    (void)host;
    return add_typed(call, HR_PART_BLOB, NULL, mime, data, len);
}

/* An absolute URI as far as it matters: a scheme, and nothing but visible ASCII. */
static bool uri_ok(const char *uri)
{
    size_t n = uri ? strnlen(uri, HR_URI_MAX + 1) : 0;
    const char *colon = n && n <= HR_URI_MAX ? strchr(uri, ':') : NULL;
    if (!colon || colon == uri)
        return false;
    for (size_t i = 0; i < n; i++)
        if (uri[i] <= ' ' || uri[i] > '~')
            return false;
    return true;
}

static handrail_status host_add_resource(const handrail_host *host, handrail_call *call,
                                         const char *uri, const char *mime, const void *data,
                                         size_t len)
{
    (void)host;
    if (!uri_ok(uri))
        return HANDRAIL_E_INVALID;
    return add_typed(call, HR_PART_RESOURCE, uri, mime, data, len);
}

static bool is_json_object(const char *json, size_t len)
{
    json_t *root = json_loadb(json, len, JSON_ALLOW_NUL, NULL); /* as the sidecar reads it */
    bool yes = json_is_object(root);
    json_decref(root);
    return yes;
}

static handrail_status host_set_json(const handrail_host *host, handrail_call *call,
                                     const char *json, size_t len)
{
    (void)host;
    if (!json || len == 0)
        return HANDRAIL_E_INVALID;
    bool large = len > HR_RESULT_MAX || hr_json_has_more(json, len, HR_JSON_VALUES_MAX);
    if (!large && !is_json_object(json, len)) /* larger ones cost nothing to refuse */
        return HANDRAIL_E_INVALID;
    struct hr_call *c = hr_call_lock(call);
    if (!c)
        return HANDRAIL_E_CANCELLED;
    handrail_status status = HANDRAIL_E_CANCELLED;
    if (!c->cancelled) {
        hr_buf_reset(&c->json); /* the last one wins */
        if (large || !hr_call_fits(c, len + sizeof(struct hr_frame_part))) {
            c->left_out = true;
            status = HANDRAIL_E_LIMIT;
        } else if (hr_buf_add(&c->json, json, len)) {
            c->left_out = true;
            status = HANDRAIL_E_NOMEM;
        } else {
            status = HANDRAIL_OK;
        }
    }
    hr_call_unlock(c);
    return status;
}

static void host_set_error(const handrail_host *host, handrail_call *call, const char *msg,
                           size_t len)
{
    (void)host;
    struct hr_call *c = msg ? hr_call_lock(call) : NULL;
    if (!c)
        return;
    hr_buf_reset(&c->error);
    if (hr_utf8_clean(&c->error, msg, len < HR_ERROR_MAX ? len : HR_ERROR_MAX))
        hr_warn("plugin %s, tool %s: no memory for its error message", plugin, hr_call_name(c));
    hr_call_unlock(c);
}

static void host_complete(const handrail_host *host, handrail_call *call, handrail_status status)
{
    (void)host;
    struct hr_call *c = hr_call_lock(call);
    if (!c) {
        hr_warn("plugin %s: complete() for a call that is over: ignored; a call is completed once, "
                "and only if invoke() answers HANDRAIL_PENDING",
                plugin);
        return;
    }
    if (!c->tool) {
        hr_warn("plugin %s: complete() for the call of %s: ignored", plugin, hr_call_name(c));
        hr_call_unlock(c);
        return;
    }
    hr_call_end_and_unlock(c, status);
}

static size_t phase_present(const handrail_host *host, char *json, size_t size)
{
    (void)host;
    return hr_phase_present(json, size);
}

static const void *host_get_extension(const handrail_host *host, const char *id)
{
    static const handrail_phase_source phase = {.struct_size = sizeof(phase),
                                                .present = phase_present};
    (void)host;
    return id && strcmp(id, HANDRAIL_PHASE) == 0 ? &phase : NULL;
}

static handrail_host services = {
    .struct_size = sizeof(handrail_host),
    .abi_minor = HANDRAIL_ABI_MINOR,
    .name = "handrail",
    .version = HR_VERSION,
    .log = host_log,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .time_left_ms = host_time_left_ms,
    .progress = host_progress,
    .add_text = host_add_text,
    .add_blob = host_add_blob,
    .set_json = host_set_json,
    .set_error = host_set_error,
    .complete = host_complete,
    .get_extension = host_get_extension,
    .add_resource = host_add_resource,
    .tell = host_tell,
};

void hr_host_init(const char *plugin_id, uint32_t minor)
{
    plugin = plugin_id;
    if (minor < 1) { /* as a host of minor 0 has it: the table ends there */
        services.struct_size = offsetof(handrail_host, add_resource);
        services.abi_minor = 0;
        services.add_resource = NULL;
        services.tell = NULL;
    }
}

const handrail_host *hr_host_services(void)
{
    return &services;
}

/* The log has a descriptor of its own, which is as lost as the others. */
static bool say_on_stderr(const char *line, size_t n)
{
    return hr_write_all(STDERR_FILENO, line, n) == 0;
}

_Noreturn void hr_host_lost(int err)
{
    hr_log_divert(say_on_stderr); /* other threads may see it late: these are our last words */
    hr_error("plugin %s: serving its calls failed: %s: did it close descriptors of its process, or "
             "lower the limits of it?",
             plugin, strerror(-err));
    _exit(HR_EXIT_SOFTWARE); /* as hr_toolhost_program() does */
}
