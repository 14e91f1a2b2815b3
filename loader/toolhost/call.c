/* SPDX-License-Identifier: MIT
 * Calls: slots, handles, life and result.  See call.h. */
#include "call.h"

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/utf8.h"
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A handle is <serial> * SLOT_RADIX + <slot>; on 32 bits a serial returns after 4 million. */
    SLOT_RADIX = 1024,
    /* Room above the plugin's share for status, the note on what was left out, and the reason,
     * which grows up to three times when it is made UTF-8. */
    RESULT_EXTRA = 4 * HR_ERROR_MAX,
};
_Static_assert((int)HR_CALLS_MAX <= (int)SLOT_RADIX, "a slot must fit into a handle");
_Static_assert(HR_RESULT_MAX + (int)RESULT_EXTRA < HR_FRAME_MAX, "a result must fit into a frame");

/* Made on first use by the main thread, found by any, freed by none. */
static struct hr_call *_Atomic slots[HR_CALLS_MAX];
static uintptr_t serial; /* the main thread's */

static struct {
    pthread_mutex_t lock;
    struct hr_call *head;
    struct hr_call **tail;
    int wake_fd;
} inbox = {.lock = PTHREAD_MUTEX_INITIALIZER, .tail = &inbox.head, .wake_fd = -1};

const char *hr_status_name(handrail_status status)
{
    static const char *const names[] = {
        [-HANDRAIL_OK] = "ok",
        [-HANDRAIL_E_INVALID] = "invalid",
        [-HANDRAIL_E_NOMEM] = "no memory",
        [-HANDRAIL_E_UNSUPPORTED] = "unsupported",
        [-HANDRAIL_E_CANCELLED] = "cancelled",
        [-HANDRAIL_E_TIMEOUT] = "timeout",
        [-HANDRAIL_E_DENIED] = "denied",
        [-HANDRAIL_E_LIMIT] = "limit",
        [-HANDRAIL_E_UNAVAILABLE] = "unavailable",
        [-HANDRAIL_E_FAILED] = "failed",
    };
    if (status > HANDRAIL_OK || status < HANDRAIL_E_FAILED)
        status = HANDRAIL_E_FAILED;
    return names[-status];
}

void hr_calls_init(int wake_fd)
{
    inbox.wake_fd = wake_fd;
}

/* The first free slot, made if need be; its index in *ret_slot. */
static int find_slot(size_t *ret_slot, struct hr_call **ret)
{
    for (size_t i = 0; i < HR_CALLS_MAX; i++) {
        struct hr_call *c = atomic_load(&slots[i]);
        if (c && c->handle) /* only this thread ever changes whether it is 0 */
            continue;
        if (!c) {
            c = calloc(1, sizeof(*c));
            if (!c)
                return -ENOMEM;
            (void)pthread_mutex_init(&c->lock, NULL); /* cannot fail with default attributes */
            atomic_store(&slots[i], c);
        }
        *ret_slot = i;
        *ret = c;
        return 0;
    }
    return -EAGAIN;
}

int hr_call_new(struct hr_plugin *plugin, const handrail_tool *tool, char *args, size_t len,
                int64_t deadline_ms, struct hr_call **ret)
{
    size_t slot = 0;
    struct hr_call *c = NULL;
    struct hr_buf result;
    hr_buf_init(&result, HR_RESULT_MAX + (size_t)RESULT_EXTRA);
    int err = find_slot(&slot, &c);
    if (!err)
        err = hr_buf_add(&result, &(int32_t){HANDRAIL_E_FAILED}, sizeof(int32_t));
    if (err)
        return err;

    (void)pthread_mutex_lock(&c->lock);
    c->plugin = plugin;
    c->tool = tool;
    c->of = HR_CALL_CREATE;
    c->args = args;
    c->args_len = len;
    c->deadline_ms = deadline_ms;
    c->handle = ++serial * SLOT_RADIX + slot;
    c->inside = 0;
    c->in_invoke = false;
    c->pending = c->ended = c->cancelled = c->left_out = false;
    c->cancel_fd = -1;
    c->status = HANDRAIL_OK;
    c->result = result;
    hr_buf_init(&c->json, HR_RESULT_MAX);
    hr_buf_init(&c->error, 3 * (size_t)HR_ERROR_MAX);
    c->progressed = false;
    c->progress = (struct hr_frame_progress){.done = -INFINITY};
    c->tell_credit_ms = (int64_t)HR_TELL_BURST * HR_TELL_EVERY_MS;
    c->told_ms = hr_now_ms();
    c->untold = 0;
    hr_buf_init(&c->tells, HR_TELLS_MAX);
    (void)pthread_mutex_unlock(&c->lock);

    c->conn = c->frame_id = 0;
    c->started = c->returned = c->answered = c->held = false;
    c->kill_at_ms = c->progress_at_ms = 0;
    c->progress_due = false;
    c->next_waiting = NULL;
    c->run_job = (struct hr_job){.run = hr_call_run, .arg = c};
    c->cancel_job = (struct hr_job){.run = hr_call_run_cancel, .arg = c};
    *ret = c;
    return 0;
}

void hr_call_free(struct hr_call *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->handle = 0;
    free(c->args);
    c->args = NULL;
    hr_close(&c->cancel_fd);
    hr_buf_free(&c->result);
    hr_buf_free(&c->json);
    hr_buf_free(&c->error);
    hr_buf_free(&c->tells);
    (void)pthread_mutex_unlock(&c->lock);
}

handrail_call *hr_call_handle(const struct hr_call *c)
{
    return (handrail_call *)c->handle; /* not an address: see call.h */
}

const char *hr_call_name(const struct hr_call *c)
{
    static const char *const others[] = {
        [HR_CALL_CREATE] = "create()",
        [HR_CALL_HEALTH] = "health()",
        [HR_CALL_PHASE] = "on_phase()",
    };
    return c->tool ? c->tool->name : others[c->of];
}

struct hr_call *hr_call_next(size_t *at)
{
    while (*at < HR_CALLS_MAX) {
        struct hr_call *c = atomic_load(&slots[*at]);
        if (!c) {
            *at = HR_CALLS_MAX; /* slots are made in order */
            break;
        }
        (*at)++;
        if (c->handle)
            return c;
    }
    return NULL;
}

struct hr_call *hr_call_lock(const handrail_call *handle)
{
    uintptr_t h = (uintptr_t)handle;
    size_t slot = h % SLOT_RADIX;
    struct hr_call *c = slot < HR_CALLS_MAX ? atomic_load(&slots[slot]) : NULL;
    if (!c)
        return NULL;
    (void)pthread_mutex_lock(&c->lock);
    if (h != 0 && c->handle == h && !c->ended)
        return c;
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

void hr_call_unlock(struct hr_call *c)
{
    (void)pthread_mutex_unlock(&c->lock);
}

bool hr_call_fits(struct hr_call *c, size_t n)
{
    size_t used = c->result.len + c->json.len;
    if (n <= HR_RESULT_MAX && used <= HR_RESULT_MAX - n)
        return true;
    c->left_out = true;
    return false;
}

/* Give the call to the main thread.  Called without the call's lock, so the main thread may have
 * freed it, and even used its slot again, by now: it asks for the state of whatever it is given. */
static void post(struct hr_call *c)
{
    (void)pthread_mutex_lock(&inbox.lock);
    bool was_empty = !inbox.head;
    if (!c->in_inbox) {
        c->in_inbox = true;
        c->inbox_next = NULL;
        *inbox.tail = c;
        inbox.tail = &c->inbox_next;
    }
    (void)pthread_mutex_unlock(&inbox.lock);
    int err = 0;
    if (was_empty && inbox.wake_fd >= 0)
        err = hr_write_all(inbox.wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    if (err) /* the loop sleeps, and nobody else would ever tell it */
        hr_host_lost(err);
}

void hr_call_post_and_unlock(struct hr_call *c)
{
    (void)pthread_mutex_unlock(&c->lock);
    post(c);
}

void hr_call_news(struct hr_call *c, bool progress, struct hr_buf *out, bool *ret_left)
{
    (void)pthread_mutex_lock(&c->lock);
    /* Without memory they are lost: the answer is what counts. */
    (void)hr_buf_add(out, c->tells.data, c->tells.len);
    hr_buf_reset(&c->tells);
    if (progress && c->progressed) {
        char payload[sizeof(c->progress) + HR_PROGRESS_TEXT_MAX];
        memcpy(payload, &c->progress, sizeof(c->progress));
        memcpy(payload + sizeof(c->progress), c->progress_text, c->progress_len);
        (void)hr_frame_add(out, HR_FRAME_PROGRESS, 0, payload,
                           sizeof(c->progress) + c->progress_len);
        c->progressed = false;
    }
    *ret_left = c->progressed;
    (void)pthread_mutex_unlock(&c->lock);
}

struct hr_call *hr_calls_take(void)
{
    (void)pthread_mutex_lock(&inbox.lock);
    struct hr_call *c = inbox.head;
    if (c) {
        inbox.head = c->inbox_next;
        if (!inbox.head)
            inbox.tail = &inbox.head;
        c->in_inbox = false;
    }
    (void)pthread_mutex_unlock(&inbox.lock);
    return c;
}

struct hr_call_state hr_call_state(struct hr_call *c)
{
    (void)pthread_mutex_lock(&c->lock);
    struct hr_call_state state = {
        .ended = c->handle && c->ended,
        .released = c->handle && c->ended && c->inside == 0,
        .in_invoke = c->in_invoke,
        .news = c->handle && (c->progressed || c->tells.len),
    };
    (void)pthread_mutex_unlock(&c->lock);
    return state;
}

/* Has the locked call's plugin been quiet enough for another message? */
static bool may_tell(struct hr_call *c)
{
    const int64_t most = (int64_t)HR_TELL_BURST * HR_TELL_EVERY_MS;
    int64_t now = hr_now_ms();
    c->tell_credit_ms += now - c->told_ms;
    c->told_ms = now;
    if (c->tell_credit_ms > most)
        c->tell_credit_ms = most;
    if (c->tell_credit_ms < HR_TELL_EVERY_MS)
        return false;
    c->tell_credit_ms -= HR_TELL_EVERY_MS;
    return true;
}

/* Append one message to those of the locked call that wait. */
static int add_tell(struct hr_call *c, handrail_log_level level, const char *msg, size_t len)
{
    struct hr_buf payload;
    hr_buf_init(&payload, sizeof(level) + 3 * (size_t)HR_TELL_TEXT_MAX); /* as UTF-8 it may grow */
    int err = hr_buf_add(&payload, &level, sizeof(level));
    if (!err)
        err = hr_utf8_clean(&payload, msg, len < HR_TELL_TEXT_MAX ? len : HR_TELL_TEXT_MAX);
    if (!err)
        err = hr_frame_add(&c->tells, HR_FRAME_TELL, 0, payload.data, payload.len);
    hr_buf_free(&payload);
    return err;
}

static void tell_untold(struct hr_call *c)
{
    char note[64];
    if (!c->untold)
        return;
    int n = snprintf(note, sizeof(note), "(%" PRIu64 " messages were left out)", c->untold);
    if (add_tell(c, HANDRAIL_LOG_WARN, note, (size_t)n) == 0)
        c->untold = 0;
}

void hr_call_tell(struct hr_call *c, handrail_log_level level, const char *msg, size_t len)
{
    if (may_tell(c)) {
        tell_untold(c);
        if (add_tell(c, level, msg, len) == 0)
            return;
    }
    c->untold++;
}

/* A plugin may pass on what a service answered, and leave the words to us. */
static const char *reason_of(const struct hr_call *c)
{
    if (c->error.len)
        return hr_buf_str(&c->error);
    return c->status == HANDRAIL_E_LIMIT && c->left_out
               ? "the result was larger than the host accepts: ask for less"
               : hr_status_name(c->status);
}

static int add_parts(struct hr_call *c)
{
    int err = 0;
    if (c->json.len)
        err = hr_part_add(&c->result, HR_PART_JSON, c->json.data, c->json.len);
    if (!err && c->left_out && c->status == HANDRAIL_OK) {
        static const char note[] = "(Part of this result is missing: it was larger than the host "
                                   "accepts.)";
        err = hr_part_add(&c->result, HR_PART_TEXT, note, sizeof(note) - 1);
    }
    if (!err && c->status < 0) {
        const char *reason = reason_of(c);
        err = hr_part_add(&c->result, HR_PART_ERROR, reason, strlen(reason));
    }
    return err;
}

/* The call is over for the plugin: nobody but the main thread touches it from here on. */
static void end(struct hr_call *c, handrail_status status)
{
    if (status > HANDRAIL_OK || status < HANDRAIL_E_FAILED)
        status = HANDRAIL_E_FAILED;
    c->ended = true;
    c->status = status;
    if (!c->tool)
        return; /* whoever made it reads status, parts and error itself */
    tell_untold(c);
    if (add_parts(c)) {
        status = HANDRAIL_E_NOMEM;
        c->result.len = sizeof(int32_t);
    }
    memcpy(c->result.data, &status, sizeof(status));
    hr_buf_free(&c->json);
}

void hr_call_end_and_unlock(struct hr_call *c, handrail_status status)
{
    end(c, status);
    (void)pthread_mutex_unlock(&c->lock);
    post(c);
}

void hr_call_start(struct hr_call *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->inside = 1;
    c->in_invoke = true;
    (void)pthread_mutex_unlock(&c->lock);
}

bool hr_call_cancel(struct hr_call *c)
{
    bool callback = false;
    (void)pthread_mutex_lock(&c->lock);
    if (!c->cancelled) {
        c->cancelled = true;
        if (c->cancel_fd >= 0)
            (void)hr_write_all(c->cancel_fd, &(uint64_t){1}, sizeof(uint64_t));
        callback = c->pending && !c->ended && c->plugin->api.cancel;
        if (callback)
            c->inside++;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return callback;
}

void hr_call_skip_cancel(struct hr_call *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->inside--;
    (void)pthread_mutex_unlock(&c->lock);
}

void hr_call_run_cancel(void *arg)
{
    struct hr_call *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    bool wanted = !c->ended; /* it may have been completed before this thread came here */
    (void)pthread_mutex_unlock(&c->lock);
    if (wanted)
        c->plugin->api.cancel(c->plugin->self, hr_call_handle(c));
    (void)pthread_mutex_lock(&c->lock);
    c->inside--;
    (void)pthread_mutex_unlock(&c->lock);
    post(c);
}

/* What invoke() answered, with the call locked.  True if cancel() must be called now. */
static bool take_answer(struct hr_call *c, handrail_status status)
{
    c->in_invoke = false;
    if (status == HANDRAIL_PENDING && c->tool) {
        c->pending = true;
        if (c->cancelled && !c->ended && c->plugin->api.cancel)
            return true;
    } else if (c->ended) {
        hr_warn("plugin %s, tool %s: invoke() answered %d for a call that had been completed: "
                "ignored; it must answer HANDRAIL_PENDING",
                c->plugin->id, hr_call_name(c), (int)status);
    } else {
        end(c, status);
    }
    c->inside--;
    return false;
}

static handrail_status run_in_plugin(struct hr_call *c)
{
    handrail_call *handle = hr_call_handle(c);
    void *self = c->plugin->self;
    if (c->tool)
        return c->tool->invoke(self, handle, c->args, c->args_len);
    if (c->of == HR_CALL_HEALTH)
        return c->plugin->api.health(self, handle);
    size_t at = strlen(c->args) + 1;
    return c->plugin->on_phase(self, handle, c->args, c->args + at, c->args_len - at);
}

void hr_call_run(void *arg)
{
    struct hr_call *c = arg;
    (void)pthread_mutex_lock(&c->lock);
    handrail_status status = HANDRAIL_E_CANCELLED;
    if (!c->cancelled) {
        (void)pthread_mutex_unlock(&c->lock);
        status = run_in_plugin(c);
        (void)pthread_mutex_lock(&c->lock);
    }
    bool cancel = take_answer(c, status);
    (void)pthread_mutex_unlock(&c->lock);
    post(c);
    if (cancel)
        hr_call_run_cancel(c); /* it still counts this thread as inside */
}

int hr_result_failed(struct hr_buf *out, handrail_status status, const char *reason)
{
    int err = hr_buf_add(out, &status, sizeof(status));
    return err ? err : hr_part_add(out, HR_PART_ERROR, reason, strlen(reason));
}
