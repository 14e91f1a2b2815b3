/* SPDX-License-Identifier: MIT
 * What has happened.  See watch.h. */
#include "watch.h"

#include "common/wall_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- crashes ---- */

static int older(const void *a, const void *b)
{
    const struct hr_board_crash *x = a;
    const struct hr_board_crash *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Those on the board, the oldest first. */
static size_t read_crashes(const struct hr_watch *w, struct hr_board_crash found[HR_CRASHES_MAX])
{
    size_t n = 0;
    for (uint32_t slot = 0; slot < HR_CRASHES_MAX; slot++)
        if (!hr_board_get_crash(w->board, slot, &found[n]))
            n++;
    qsort(found, n, sizeof(found[0]), older);
    return n;
}

static void look_at_crashes(struct hr_watch *w)
{
    struct hr_board_crash found[HR_CRASHES_MAX];
    size_t n = read_crashes(w, found);
    for (size_t i = 0; i < n; i++) {
        if (found[i].number <= w->told)
            continue;
        w->told = found[i].number;
        w->tell("service.crashed", w->crash(&found[i]), w->arg);
    }
}

/* ---- services ---- */

/* One that is restarted several times between two looks is told once, with the number of its last
 * start.  A first start is none, nor is that of a plugin that has taken over the place. */
static void look_at_services(struct hr_watch *w)
{
    struct hr_board_service s;
    for (uint32_t i = 0; i < HR_MAX_SERVICES; i++) {
        if (hr_board_get_service(w->board, i, &s))
            continue;
        bool same = strcmp(w->services[i].name, s.name) == 0;
        bool again = s.starts > 1 && s.starts != w->services[i].starts;
        if (same && again)
            w->tell("service.restarted",
                    json_pack("{s:s, s:I, s:I, s:s}", "service", s.name, "life",
                              (json_int_t)s.starts, "failures", (json_int_t)s.failures, "state",
                              hr_state_name(s.state)),
                    w->arg);
        memcpy(w->services[i].name, s.name, sizeof(s.name));
        w->services[i].starts = s.starts;
    }
}

/* ---- phases ---- */

static json_t *one_step(const struct hr_board_phase *p, uint32_t n)
{
    const struct hr_phase_step *from = &p->steps[(n - 1) % HR_PHASE_STEPS];
    const struct hr_phase_step *to = &p->steps[n % HR_PHASE_STEPS];
    char at[HR_WALL_TEXT];
    hr_wall_text(to->wall_ms, at);
    return json_pack("{s:s, s:s, s:s, s:f, s:o}", "from", hr_pod_phase_name(from->phase), "to",
                     hr_pod_phase_name(to->phase), "at", at, "seconds",
                     (double)(to->since_ms - from->since_ms) / 1000, "claim_uid",
                     *p->claim_uid ? json_string(p->claim_uid) : json_null());
}

/* The first step is where it all begins, and the oldest one that is kept only says from where. */
static uint32_t first_step(const struct hr_board_phase *p)
{
    return p->nsteps > HR_PHASE_STEPS ? p->nsteps - HR_PHASE_STEPS + 1 : 1;
}

static void look_at_phases(struct hr_watch *w)
{
    struct hr_board_phase p;
    if (hr_board_get_phase(w->board, &p))
        return;
    uint32_t n = first_step(&p);
    for (n = w->steps > n ? w->steps : n; n < p.nsteps; n++)
        w->tell("pod.phase", one_step(&p, n), w->arg);
    w->steps = p.nsteps;
}

/* ---- the stop ---- */

static void look_at_stop(struct hr_watch *w)
{
    struct hr_board_head head;
    if (w->stopping || hr_board_get_head(w->board, &head) || head.draining != HR_DRAINING_STOP)
        return;
    w->stopping = true;
    w->tell("pod.stopping", json_object(), w->arg);
}

void hr_watch_look(struct hr_watch *w)
{
    look_at_crashes(w);
    look_at_services(w);
    look_at_phases(w);
    look_at_stop(w);
}

/* ---- the beginning ---- */

/* Our own start; 0 if the board does not know us. */
static uint32_t own_life(const struct hr_watch *w)
{
    struct hr_board_service s;
    for (uint32_t i = 0; i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(w->board, i, &s) && s.kind == HR_SIDECAR)
            return s.starts;
    return 0;
}

/* The crash that ended the life before this one, if one did. */
static bool find_own_crash(const struct hr_watch *w, uint32_t life, struct hr_board_crash *ret)
{
    struct hr_board_crash found[HR_CRASHES_MAX];
    for (size_t i = read_crashes(w, found); i-- > 0;) {
        *ret = found[i];
        if (strcmp(ret->service, "sidecar") == 0 && ret->life + 1 == life)
            return true;
    }
    return false;
}

/* What the lives before this one may have told is old news: all but how the last of them ended, and
 * what has come after that. */
static void know_news(struct hr_watch *w, uint32_t life)
{
    struct hr_board_crash found[HR_CRASHES_MAX];
    struct hr_board_crash own;
    struct hr_board_phase p = {.nsteps = 0};
    bool ended = find_own_crash(w, life, &own);
    size_t n = read_crashes(w, found);
    w->told = ended ? own.number - 1 : n ? found[n - 1].number : 0;
    if (!hr_board_get_phase(w->board, &p))
        w->steps = p.nsteps;
    while (ended && w->steps > first_step(&p) &&
           p.steps[(w->steps - 1) % HR_PHASE_STEPS].since_ms >= own.mono_ms)
        w->steps--;
}

static json_t *counts(const struct hr_watch *w)
{
    struct hr_board_service s;
    json_t *all = json_array();
    for (uint32_t i = 0; i < HR_MAX_SERVICES; i++)
        if (!hr_board_get_service(w->board, i, &s) && *s.name)
            (void)json_array_append_new(all, json_pack("{s:s, s:I, s:I, s:s}", "service", s.name,
                                                       "life", (json_int_t)s.starts, "failures",
                                                       (json_int_t)s.failures, "state",
                                                       hr_state_name(s.state)));
    return all;
}

/* Know who is there; told: and that their restarts are old news. */
static void know_services(struct hr_watch *w, bool told)
{
    struct hr_board_service s;
    for (uint32_t i = 0; i < HR_MAX_SERVICES; i++) {
        if (hr_board_get_service(w->board, i, &s))
            continue;
        memcpy(w->services[i].name, s.name, sizeof(s.name));
        w->services[i].starts = told ? s.starts : 0;
    }
}

void hr_watch_begin(struct hr_watch *w)
{
    struct hr_board_head head;
    uint32_t life = own_life(w);
    know_services(w, life > 1);
    if (life > 1) {
        know_news(w, life);
        w->stopping = !hr_board_get_head(w->board, &head) && head.draining == HR_DRAINING_STOP;
        w->tell("sidecar.restarted",
                json_pack("{s:I, s:o}", "life", (json_int_t)life, "services", counts(w)), w->arg);
    }
    hr_watch_look(w);
}
