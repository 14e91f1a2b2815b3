/* SPDX-License-Identifier: MIT
 * The webhook: who is told of events, and whether they take them. */
#include "parts.h"

#include <string.h>

static enum hr_tone tone_of(const json_t *webhook)
{
    const char *state = hr_page_text(webhook, "state");
    if (strcmp(state, "off") == 0)
        return HR_TONE_BAD;
    if (*hr_page_text(webhook, "error"))
        return HR_TONE_WARN;
    return strcmp(state, "idle") == 0 ? HR_TONE_OK : HR_TONE_BUSY;
}

/* What became of the events, and how many have not come so far. */
static void put_counts(struct hr_html *h, const json_t *webhook)
{
    hr_html(h, "<div data-k=\"events\"><dt>Events</dt><dd>");
    hr_html(h, "%lld delivered, %lld refused, %lld dropped, %lld waiting",
            hr_page_count(webhook, "delivered"), hr_page_count(webhook, "failed"),
            hr_page_count(webhook, "dropped"), hr_page_count(webhook, "queued"));
    hr_html(h, " <small>");
    hr_page_things(h, hr_page_count(webhook, "tries"), "POST");
    hr_html(h, "</small></dd></div>\n");
}

static void put_last(struct hr_html *h, const json_t *webhook, const json_t *status)
{
    const char *last = hr_page_text(webhook, "last_success");
    hr_html(h, "<div data-k=\"taken\"><dt>Last taken</dt><dd>");
    if (*last)
        hr_page_when(h, last, status);
    else
        hr_html(h, "never");
    hr_html(h, "</dd></div>\n");
}

static void put_error(struct hr_html *h, const json_t *webhook)
{
    char wait[HR_HUMAN_MAX];
    const char *error = hr_page_text(webhook, "error");
    if (!*error)
        return;
    hr_html(h, "<div data-k=\"error\"><dt>Last try</dt><dd><bdi>%s</bdi>", error);
    hr_human_duration(wait, hr_page_number(webhook, "retry_in_ms") / 1000);
    if (hr_page_is_number(webhook, "retry_in_ms"))
        hr_html(h, "; again in %s", wait);
    hr_html(h, "</dd></div>\n");
}

void hr_page_webhook(struct hr_html *h, const json_t *status)
{
    const json_t *webhook = json_object_get(status, "webhook");
    if (!json_is_object(webhook))
        return;
    hr_html(h,
            "<section aria-labelledby=\"webhook\">\n<h2 id=\"webhook\">Webhook</h2>\n"
            "<dl class=\"facts\">\n<div data-k=\"receiver\"><dt>Receiver</dt><dd><bdi>%s</bdi> ",
            hr_page_text(webhook, "receiver"));
    hr_page_state(h, tone_of(webhook), hr_page_text(webhook, "state"));
    hr_html(h, "</dd></div>\n");
    put_counts(h, webhook);
    put_last(h, webhook, status);
    put_error(h, webhook);
    hr_html(h, "</dl>\n</section>\n");
}
