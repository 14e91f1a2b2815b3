/* SPDX-License-Identifier: MIT
 * A call: one request to the plugin, from the moment it is accepted until the plugin has let go of
 * it, which may be long after its answer was sent (a deadline passed, the caller went away).
 *
 * Three sides hold a call:
 *   the main thread   makes it, decides when it is cancelled, sends the answer, frees it;
 *   a worker thread   is inside invoke() or cancel() with it;
 *   the plugin        has a handle, and may use that from any thread at any time, also too late.
 *
 * So a handle is a number, not an address: the index of a slot and a serial.  A handle whose call
 * is over is recognised, and whatever is done with it has no effect.  Slots are never freed.
 *
 * A call is over for the plugin (`ended`) when invoke() has returned anything but PENDING, or
 * complete() was called.  Whenever that or `inside` changes the call goes to the inbox of the main
 * thread, which frees it once it is ended and nobody is inside.
 */
#ifndef HR_TOOLHOST_CALL_H
#define HR_TOOLHOST_CALL_H

#include "common/buf.h"
#include "common/frame.h"
#include "load.h"
#include "workers.h"

#include <handrail/plugin.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call is of that has no tool. */
enum hr_call_of {
    HR_CALL_CREATE, /* create() */
    HR_CALL_HEALTH, /* health() */
    HR_CALL_PHASE,  /* on_phase(); args: the phase, NUL, the event */
};

enum {
    HR_CALLS_MAX = 512,              /* running, waiting or not yet let go of by the plugin */
    HR_RESULT_MAX = 4 * 1024 * 1024, /* bytes that a plugin may put into one result */
    HR_ERROR_MAX = 64 * 1024,        /* bytes of the reason for a failure */
    HR_MEDIA_TYPE_MAX = 127,         /* bytes of a blob's media type */
    HR_PROGRESS_EVERY_MS = 100,      /* one PROGRESS of a call, at most */
    HR_PROGRESS_TEXT_MAX = 512,      /* bytes of its message */
    HR_URI_MAX = 2048,               /* bytes of a resource's address */
    HR_TELL_TEXT_MAX = 8 * 1024,     /* bytes of one message to the caller */
    HR_TELLS_MAX = 256 * 1024,       /* bytes of those that wait to be sent */
    HR_TELL_BURST = 100,             /* messages at once; after that one in ... */
    HR_TELL_EVERY_MS = 100,
};

struct hr_call {
    /* Constant while the call lives. */
    struct hr_plugin *plugin;
    const handrail_tool *tool; /* NULL: a call of something else: */
    enum hr_call_of of;
    char *args; /* NUL-terminated */
    size_t args_len;
    int64_t deadline_ms; /* monotonic; 0 for none */

    pthread_mutex_t lock; /* guards what follows */
    uintptr_t handle;     /* 0: the slot is free */
    int inside;           /* threads of ours in the plugin with this call, or about to be */
    bool in_invoke;       /* one of them is for invoke(), or what else it is of */
    bool pending;         /* invoke() answered PENDING */
    bool ended;
    bool cancelled;
    bool left_out;   /* something did not fit into the result */
    bool progressed; /* `progress` has not been sent yet */
    int cancel_fd;   /* eventfd, made when it is first asked for */
    handrail_status status;
    struct hr_buf result; /* payload of RESULT: the status, then parts */
    struct hr_buf json;
    struct hr_buf error;
    struct hr_frame_progress progress; /* the latest */
    char progress_text[HR_PROGRESS_TEXT_MAX];
    size_t progress_len;
    struct hr_buf tells;    /* frames that wait to be sent */
    int64_t tell_credit_ms; /* time in which no message was told, for HR_TELL_EVERY_MS each */
    int64_t told_ms;        /* when the credit was last counted */
    uint64_t untold;        /* messages that were left out */

    struct hr_call *inbox_next; /* the inbox's, under its own lock */
    bool in_inbox;

    /* The main thread's alone; see dispatch.c. */
    uint64_t conn; /* 0: nobody waits for the answer any more */
    uint64_t frame_id;
    bool started;  /* given to a worker */
    bool returned; /* invoke() is known to have returned */
    bool answered;
    bool held;              /* its peer was too slow to take the answer */
    bool progress_due;      /* there is one that waits until ... */
    int64_t kill_at_ms;     /* when it must have ended, 0 if that is not running yet */
    int64_t progress_at_ms; /* ... the next PROGRESS may be sent */
    struct hr_call *next_waiting;
    struct hr_job run_job;
    struct hr_job cancel_job;
};

/* "ok", "invalid", ..., "failed" also for what is unknown. */
const char *hr_status_name(handrail_status status);

/* ---- main thread ---- */

/* Where the inbox tells that it is not empty: an eventfd, borrowed.  Before the first call. */
void hr_calls_init(int wake_fd);

/* Take a slot.  args is taken over on success (malloc).  0, -ENOMEM, or -EAGAIN: no slot is free.
 */
int hr_call_new(struct hr_plugin *plugin, const handrail_tool *tool, char *args, size_t len,
                int64_t deadline_ms, struct hr_call **ret);
void hr_call_free(struct hr_call *c);

handrail_call *hr_call_handle(const struct hr_call *c);

/* The tool's name, "create()", "health()" or "on_phase()": for messages. */
const char *hr_call_name(const struct hr_call *c);

/* All calls that live: start with *at = 0.  NULL at the end. */
struct hr_call *hr_call_next(size_t *at);

/* The call is about to be given to a worker, for hr_call_run(). */
void hr_call_start(struct hr_call *c);

/* Tell the plugin that nobody wants the answer any more, by every way but the cancel() callback.
 * True if that is due too: give the call to a worker for hr_call_run_cancel(), or, if that cannot
 * be done, say so with hr_call_skip_cancel(). */
bool hr_call_cancel(struct hr_call *c);
void hr_call_skip_cancel(struct hr_call *c);

/* What the main thread needs to know about a call, at one moment. */
struct hr_call_state {
    bool ended;
    bool released;  /* ended, and nobody is inside: may be freed */
    bool in_invoke; /* invoke() has not returned */
    bool news;      /* for hr_call_news() */
};
struct hr_call_state hr_call_state(struct hr_call *c);

/* What its caller is to hear before the answer.  Append the frames to `out`, which is empty; the
 * progress only if wanted, and *ret_left says whether there is some left. */
void hr_call_news(struct hr_call *c, bool progress, struct hr_buf *out, bool *ret_left);

/* A call that has changed, oldest first; NULL if there is none left.  It may be free already. */
struct hr_call *hr_calls_take(void);

/* Write the payload of a RESULT that is not the plugin's.  0 or -ENOMEM. */
int hr_result_failed(struct hr_buf *out, handrail_status status, const char *reason);

/* ---- worker threads: jobs; arg is the call ---- */

void hr_call_run(void *arg);
void hr_call_run_cancel(void *arg);

/* ---- the services (host.c), any thread ---- */

/* The call of a handle, locked; NULL if there is none, or it is over. */
struct hr_call *hr_call_lock(const handrail_call *handle);
void hr_call_unlock(struct hr_call *c);

/* End the locked call, and unlock it. */
void hr_call_end_and_unlock(struct hr_call *c, handrail_status status);

/* Keep a message of the locked call for its caller, or count that it was left out. */
void hr_call_tell(struct hr_call *c, handrail_log_level level, const char *msg, size_t len);

/* The locked call has news; unlocks it. */
void hr_call_post_and_unlock(struct hr_call *c);

/* Would n more bytes fit into the locked call's result?  If not, remember it. */
bool hr_call_fits(struct hr_call *c, size_t n);

#endif
