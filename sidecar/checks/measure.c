/* SPDX-License-Identifier: MIT
 * Measurements.  See measure.h. */
#include "measure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Without a process only the board can bring news, and it says so; this is in case it did not. */
enum { NO_PROCESS_MS = 2000 };

struct hr_life hr_life_read(const struct hr_board *board)
{
    struct hr_board_service s;
    if (hr_board_get_service(board, 0, &s))
        return (struct hr_life){.known = false};
    bool running =
        s.pid > 0 && (s.state == HR_STARTING || s.state == HR_UP || s.state == HR_STOPPING);
    return (struct hr_life){.known = true,
                            .running = running,
                            .starts = s.starts,
                            .state = s.state,
                            .started_ms = s.started_ms};
}

bool hr_measure_new_life(struct hr_measure *m, const struct hr_life *life)
{
    if (!m->of_server || !life->known || (life->running && life->starts == m->life))
        return false;
    uint32_t number = life->running ? life->starts : 0; /* of no life, until there is one again */
    if (number == m->life)
        return false;
    if (m->result != HR_UNMEASURED || m->failures)
        (void)snprintf(m->last.message, sizeof(m->last.message),
                       "server restarted, not measured yet");
    m->life = number;
    m->result = HR_UNMEASURED;
    m->failures = m->successes = 0;
    m->succeeded = false;
    m->down = false;
    m->failing_since = 0;
    m->soon_until_ms = 0;
    m->last.has_value = false;
    return true;
}

static void note_good(struct hr_measure *m)
{
    m->good++;
    m->failures = 0;
    m->failing_since = 0;
    m->succeeded = true;
    m->successes += m->successes < m->policy.successes;
    if (m->successes >= m->policy.successes)
        m->result = HR_OK;
    else if (m->result != HR_OK)
        (void)snprintf(m->last.message, sizeof(m->last.message), "well again, %d of %d times",
                       m->successes, m->policy.successes);
}

static void note_bad(struct hr_measure *m)
{
    m->bad++;
    m->successes = 0;
    m->failures++;
    if (!m->failing_since)
        m->failing_since = m->asked_ms;
    if (m->result != HR_OK || m->down || m->failures >= m->policy.failures)
        m->result = HR_FAIL;
}

void hr_measure_note(struct hr_measure *m, const struct hr_finding *f, int64_t asked_ms)
{
    m->last = *f;
    m->asked_ms = asked_ms;
    m->last_asked_ms = asked_ms;
    m->down = f->found == HR_FOUND_DOWN;
    if (f->found == HR_FOUND_GOOD) {
        note_good(m);
    } else if (f->found != HR_FOUND_NOTHING) {
        note_bad(m);
    } else {
        m->result = HR_UNKNOWN;
        m->failures = m->successes = 0;
        m->failing_since = 0;
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int hr_measure_delay_ms(const struct hr_measure *m, const struct hr_life *life, int64_t now)
{
    int failing_ms = least(m->failing_ms, m->policy.period_ms);
    int period_ms = m->policy.period_ms;
    if (m->of_server && (!life->known || !life->running))
        return -1;
    if (m->result == HR_OK && m->failures) {
        int64_t left = m->asked_ms + period_ms - now;
        return left > failing_ms ? (int)left : failing_ms;
    }
    if (m->result == HR_OK && period_ms < m->easy_ms && m->is_easy(m))
        return m->easy_ms;
    if (m->result == HR_OK || m->result == HR_UNKNOWN)
        return period_ms;
    if (!m->down || m->succeeded)
        return failing_ms;
    if (now < m->soon_until_ms)
        return HR_SOON_MS;
    bool young = now - life->started_ms < HR_FAST_FOR_MS;
    return m->refused_ms && young ? least(m->refused_ms, failing_ms) : failing_ms;
}

/* ---- measuring ---- */

static void wait_ms(struct hr_measure *m, int ms)
{
    ev_timer_stop(m->loop, &m->timer);
    m->due_ms = m->now_ms() + ms;
    ev_timer_set(&m->timer, (double)ms / 1000, 0.);
    ev_timer_start(m->loop, &m->timer);
}

static void next(struct hr_measure *m, const struct hr_life *life)
{
    int ms = hr_measure_delay_ms(m, life, m->now_ms());
    wait_ms(m, ms < 0 ? NO_PROCESS_MS : ms);
}

void hr_measure_done(struct hr_measure *m, const struct hr_finding *f)
{
    struct hr_life life = hr_life_read(m->board);
    m->busy = false;
    ev_timer_stop(m->loop, &m->timer);
    /* An answer that crossed a restart says nothing about the process that is there now. */
    if (hr_measure_new_life(m, &life) || (m->of_server && !m->life)) {
        wait_ms(m, 0);
        return;
    }
    hr_measure_note(m, f, m->asked_ms);
    next(m, &life);
    m->on_result(m, m->arg);
}

void hr_measure_say(struct hr_measure *m, enum hr_found found, const char *format, ...)
{
    struct hr_finding f = {.found = found};
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(f.message, sizeof(f.message), format, ap);
    va_end(ap);
    hr_measure_done(m, &f);
}

void hr_measure_value(struct hr_measure *m, enum hr_found found, double value, const char *format,
                      ...)
{
    struct hr_finding f = {.found = found, .has_value = true, .value = value};
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(f.message, sizeof(f.message), format, ap);
    va_end(ap);
    hr_measure_done(m, &f);
}

static void ask(struct hr_measure *m)
{
    struct hr_life life = hr_life_read(m->board);
    (void)hr_measure_new_life(m, &life);
    if (m->of_server && (!life.known || !life.running)) {
        next(m, &life);
        return;
    }
    m->asked_ms = m->now_ms();
    m->busy = true;
    if (m->method->cancel)
        wait_ms(m, m->policy.timeout_ms);
    else
        ev_timer_stop(m->loop, &m->timer);
    m->method->start(m);
}

static void excuse(struct hr_measure *m)
{
    int64_t late_ms = m->now_ms() - m->due_ms;
    if (late_ms < HR_MEASURE_LATE_MS)
        return;
    if (m->busy)
        m->asked_ms += late_ms;
    if (m->failing_since)
        m->failing_since += late_ms;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct hr_measure *m = w->data;
    (void)loop;
    (void)events;
    excuse(m);
    if (!m->busy) {
        ask(m);
        return;
    }
    if (!m->method->cancel)
        return;
    m->method->cancel(m);
    hr_measure_say(m, HR_FOUND_BAD, "%s: no answer within %d ms", m->what, m->policy.timeout_ms);
}

void hr_measure_init(struct hr_measure *m)
{
    (void)snprintf(m->last.message, sizeof(m->last.message), "not measured yet");
    ev_timer_init(&m->timer, on_timer, 0., 0.);
    m->timer.data = m;
}

void hr_measure_start(struct hr_measure *m)
{
    wait_ms(m, 0);
}

void hr_measure_stop(struct hr_measure *m)
{
    ev_timer_stop(m->loop, &m->timer);
    if (m->busy && m->method->cancel) {
        m->method->cancel(m);
        m->busy = false;
    }
}

void hr_measure_now(struct hr_measure *m)
{
    if (!m->busy)
        wait_ms(m, 0);
}

void hr_measure_board_changed(struct hr_measure *m)
{
    struct hr_life life = hr_life_read(m->board);
    if (hr_measure_new_life(m, &life)) {
        hr_measure_stop(m);
        wait_ms(m, 0);
    } else if (m->of_server && m->refused_ms && life.state == HR_UP && m->result != HR_OK &&
               !m->succeeded && !m->soon_until_ms) {
        /* It says that it is ready before its port is open. */
        m->soon_until_ms = m->now_ms() + HR_SOON_FOR_MS;
        hr_measure_now(m);
    }
}
