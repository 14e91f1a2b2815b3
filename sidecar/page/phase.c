/* SPDX-License-Identifier: MIT
 * The pod's phase: the way it came, what is known of its claim, and the time in each phase. */
#include "common/phase.h"
#include "parts.h"

#include <string.h>

static void put_history(struct hr_html *h, const json_t *history, const json_t *status)
{
    size_t i = 0;
    size_t n = json_array_size(history);
    const json_t *step = NULL;
    if (n == 0)
        return;
    hr_html(h, "<ol class=\"steps\">\n");
    json_array_foreach (history, i, step) {
        const char *at = hr_page_text(step, "at");
        hr_html(h, i + 1 < n ? "<li data-k=\"%s\">" : "<li data-k=\"%s\" aria-current=\"step\">",
                at);
        hr_html(h, "<b>%s</b> <span>", hr_page_text(step, "phase"));
        hr_page_duration(h, step, "seconds");
        hr_html(h, "</span> ");
        hr_page_when(h, at, status);
        hr_html(h, "</li>\n");
    }
    hr_html(h, "</ol>\n");
}

static void put_fact(struct hr_html *h, const char *name, const char *value)
{
    hr_html(h, "<div data-k=\"%s\"><dt>%s</dt><dd><bdi>%s</bdi></dd></div>\n", name, name, value);
}

/* 1, 0, or -1 for not known. */
static int truth(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : -1;
}

static const char *meaning_of(const char *name)
{
    enum hr_pod_phase phase = HR_POD_STARTING;
    return hr_pod_phase_parse(name, strlen(name), &phase) ? name : hr_pod_phase_meaning(phase);
}

static const char *init_words(const json_t *status)
{
    const char *init = hr_page_text(json_object_get(status, "phase"), "init");
    if (*init)
        return init;
    return truth(json_object_get(status, "agent"), "deferred") == 0 ? "not deferred" : "not known";
}

static void put_hook(struct hr_html *h, const json_t *hook)
{
    const char *message = hr_page_text(hook, "message");
    const char *state = hr_page_text(hook, "state");
    if (!*state || strcmp(state, "none") == 0)
        return;
    hr_html(h, "<div data-k=\"hook\"><dt>Claim hook</dt><dd>");
    hr_page_state(h,
                  strcmp(state, "ok") == 0       ? HR_TONE_OK
                  : strcmp(state, "failed") == 0 ? HR_TONE_BAD
                                                 : HR_TONE_BUSY,
                  state);
    hr_html(h, " <bdi>%s</bdi></dd></div>\n", message);
}

static void put_facts(struct hr_html *h, const json_t *status)
{
    const json_t *phase = json_object_get(status, "phase");
    hr_html(h, "<dl class=\"facts\">\n");
    put_fact(h, "Now", meaning_of(hr_page_text(phase, "name")));
    put_fact(h, "Pool", hr_pod_pool_words(truth(phase, "pooled"), truth(phase, "claimed")));
    if (*hr_page_text(phase, "claim_uid"))
        put_fact(h, "Claim", hr_page_text(phase, "claim_uid"));
    put_fact(h, "Initialisation", init_words(status));
    if (hr_page_is_number(phase, "idle_seconds")) {
        hr_html(h, "<div data-k=\"idle\"><dt>Idle</dt><dd>for ");
        hr_page_duration(h, phase, "idle_seconds");
        hr_html(h, "</dd></div>\n");
    }
    put_hook(h, json_object_get(phase, "hook"));
    hr_html(h, "</dl>\n");
}

static void put_time_in(struct hr_html *h, const json_t *all)
{
    const char *name = NULL;
    json_t *seconds = NULL;
    if (json_object_size(all) == 0)
        return;
    hr_html(h, "<details data-k=\"time-in\"><summary>Time in each phase</summary>\n<table>"
               "<thead><tr><th scope=\"col\">Phase</th><th scope=\"col\" class=\"n\">Time</th></tr>"
               "</thead>\n<tbody>\n");
    json_object_foreach ((json_t *)(uintptr_t)all, name, seconds) {
        hr_html(h, "<tr data-k=\"%s\"><th scope=\"row\">%s</th><td class=\"n\">", name, name);
        hr_page_duration(h, all, name);
        hr_html(h, "</td></tr>\n");
    }
    hr_html(h, "</tbody></table></details>\n");
}

void hr_page_phase(struct hr_html *h, const json_t *status)
{
    const json_t *phase = json_object_get(status, "phase");
    hr_html(h,
            "<section class=\"whole\" aria-labelledby=\"phase\">\n<h2 id=\"phase\">Phase</h2>\n");
    if (!*hr_page_text(phase, "name")) {
        hr_html(h, "<p class=\"none\">Not known.</p>\n");
    } else {
        put_history(h, json_object_get(phase, "history"), status);
        put_facts(h, status);
        put_time_in(h, json_object_get(phase, "seconds_in"));
    }
    hr_html(h, "</section>\n");
}
