/* SPDX-License-Identifier: MIT
 * What is used, against what may be used. */
#include "parts.h"

#include <stdio.h>
#include <string.h>

enum { WARN_PERCENT = 80, BAD_PERCENT = 95 };

/* A bar of that many percent; the words beside it say the same. */
static void put_bar(struct hr_html *h, double used, double limit)
{
    double percent = limit > 0 ? used / limit * 100 : 0;
    int whole = percent > 100 ? 100 : percent > 0 ? (int)percent : 0;
    hr_html(h,
            "<svg class=\"bar %s\" aria-hidden=\"true\"><rect class=\"track\" width=\"100%%\" "
            "height=\"100%%\"/><rect width=\"%d%%\" height=\"100%%\"/></svg>",
            whole >= BAD_PERCENT    ? "bad"
            : whole >= WARN_PERCENT ? "warn"
                                    : "ok",
            whole);
}

static void begin(struct hr_html *h, const char *name)
{
    hr_html(h, "<div data-k=\"%s\"><dt><bdi>%s</bdi></dt><dd>", name, name);
}

static void put_limit(struct hr_html *h, double used, double limit, const char *text)
{
    char percent[16];
    double p = limit > 0 ? used / limit * 100 : 0;
    (void)snprintf(percent, sizeof(percent), "%.0f", p < 99999 ? p : 99999);
    hr_html(h, " of %s (%s%%)", text, percent);
}

static void put_percent(struct hr_html *h, const json_t *o, const char *key, const char *words)
{
    char text[32];
    if (!hr_page_is_number(o, key))
        return;
    double v = hr_page_number(o, key);
    (void)snprintf(text, sizeof(text), "%.1f", v < 1e6 ? v : 1e6);
    hr_html(h, "; %s %s%%", words, text);
}

/* Counted as the kubelet does, without what the kernel can have back at once: a file that was read
 * once is no use of memory.  Where that is not known, all of it. */
static void put_memory(struct hr_html *h, const json_t *m)
{
    char text[HR_HUMAN_MAX];
    bool set = hr_page_is_number(m, "working_set_bytes");
    double used = hr_page_number(m, set ? "working_set_bytes" : "used_bytes");
    double limit = hr_page_number(m, "limit_bytes");
    begin(h, "Memory");
    if (!set && !hr_page_is_number(m, "used_bytes")) {
        hr_html(h, "not known</dd></div>\n");
        return;
    }
    hr_human_bytes(text, used);
    hr_html(h, "%s", text);
    hr_human_bytes(text, limit);
    if (limit > 0)
        put_limit(h, used, limit, text);
    else
        hr_html(h, ", no limit");
    hr_human_bytes(text, hr_page_number(m, "used_bytes"));
    hr_html(h, " <small>%s%s%s; ", set ? "working set; " : "", set ? text : "",
            set ? " with all cached files" : "with all cached files");
    hr_page_things(h, hr_page_count(m, "oom_kills"), "OOM kill");
    put_percent(h, m, "pressure_10s_percent", "pressure");
    hr_html(h, "</small>");
    if (limit > 0)
        put_bar(h, used, limit);
    hr_html(h, "</dd></div>\n");
}

static void put_cpu(struct hr_html *h, const json_t *c)
{
    char text[HR_HUMAN_MAX];
    begin(h, "Processor");
    if (!hr_page_is_number(c, "seconds")) {
        hr_html(h, "not known</dd></div>\n");
        return;
    }
    hr_page_duration(h, c, "seconds");
    (void)snprintf(text, sizeof(text), "%.3g", hr_page_number(c, "limit_cores"));
    if (hr_page_is_number(c, "limit_cores"))
        hr_html(h, " used, limit %s core%s", text, strcmp(text, "1") == 0 ? "" : "s");
    else
        hr_html(h, " used, no limit");
    hr_html(h, " <small>throttled ");
    hr_page_duration(h, c, "throttled_seconds");
    put_percent(h, c, "pressure_10s_percent", "pressure");
    hr_html(h, "</small></dd></div>\n");
}

static void put_pids(struct hr_html *h, const json_t *p)
{
    char text[HR_HUMAN_MAX];
    begin(h, "Pids");
    if (!hr_page_is_number(p, "count")) {
        hr_html(h, "not known</dd></div>\n");
        return;
    }
    hr_html(h, "%lld", hr_page_count(p, "count"));
    if (hr_page_is_number(p, "limit")) {
        (void)snprintf(text, sizeof(text), "%lld", hr_page_count(p, "limit"));
        put_limit(h, hr_page_number(p, "count"), hr_page_number(p, "limit"), text);
        put_bar(h, hr_page_number(p, "count"), hr_page_number(p, "limit"));
    } else {
        hr_html(h, ", no limit");
    }
    hr_html(h, "</dd></div>\n");
}

static void put_processes(struct hr_html *h, const json_t *p)
{
    char text[HR_HUMAN_MAX];
    begin(h, "Processes");
    if (!hr_page_is_number(p, "count")) {
        hr_html(h, "not known</dd></div>\n");
        return;
    }
    hr_human_bytes(text, hr_page_number(p, "rss_bytes"));
    hr_html(h, "%lld with ", hr_page_count(p, "count"));
    hr_page_things(h, hr_page_count(p, "threads"), "thread");
    hr_html(h, ", %s resident", text);
    if (hr_page_is_number(p, "open_fds")) {
        hr_html(h, " <small>");
        hr_page_things(h, hr_page_count(p, "open_fds"), "open file");
        hr_html(h, "</small>");
    }
    if (hr_page_count(p, "zombies") > 0) {
        hr_html(h, " <small>");
        hr_page_things(h, hr_page_count(p, "zombies"), "zombie");
        hr_html(h, "</small>");
    }
    hr_html(h, "</dd></div>\n");
}

static void put_disk(struct hr_html *h, const json_t *d)
{
    char text[HR_HUMAN_MAX];
    double size = hr_page_number(d, "size_bytes");
    double left = hr_page_number(d, "free_bytes");
    begin(h, hr_page_text(d, "path"));
    if (!hr_page_is_number(d, "size_bytes") || !hr_page_is_number(d, "free_bytes")) {
        hr_html(h, "not known</dd></div>\n");
        return;
    }
    hr_human_bytes(text, size - left);
    hr_html(h, "%s", text);
    hr_human_bytes(text, size);
    put_limit(h, size - left, size, text);
    hr_human_bytes(text, left);
    hr_html(h, " <small>%s free</small>", text);
    put_bar(h, size - left, size);
    hr_html(h, "</dd></div>\n");
}

void hr_page_resources(struct hr_html *h, const json_t *status)
{
    size_t i = 0;
    const json_t *disk = NULL;
    const json_t *r = json_object_get(status, "resources");
    hr_html(h, "<section aria-labelledby=\"resources\">\n<h2 id=\"resources\">Resources</h2>\n");
    if (!json_is_object(r)) {
        hr_html(h, "<p class=\"none\">Not measured.</p>\n</section>\n");
        return;
    }
    hr_html(h, "<dl class=\"facts bars\">\n");
    put_memory(h, json_object_get(r, "memory"));
    put_cpu(h, json_object_get(r, "cpu"));
    put_pids(h, json_object_get(r, "pids"));
    put_processes(h, json_object_get(r, "processes"));
    json_array_foreach (json_object_get(r, "disks"), i, disk)
        put_disk(h, disk);
    hr_html(h, "</dl>\n</section>\n");
}
