/* SPDX-License-Identifier: MIT
 * The whole of the status page.  See page.h. */
#include "page.h"

#include "assets.h"
#include "parts.h"

/* Links are relative: behind a proxy the page may not be at the root. */
static void put_footer(struct hr_html *h, const json_t *status)
{
    static const char *const paths[] = {"healthz", "metrics", "status", "plugins", "crashes"};
    hr_html(h, "<footer>\n<nav aria-label=\"For machines\"><ul>");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        hr_html(h, "<li><a href=\"%s\">/%s</a></li>", paths[i], paths[i]);
    hr_html(h, "</ul></nav>\n<p>handrail %s, pid %lld</p>\n</footer>\n",
            hr_page_text(status, "version"), hr_page_count(status, "pid"));
}

int hr_page_render(const json_t *status, const json_t *plugins, const json_t *crashes,
                   struct hr_buf *out)
{
    struct hr_html h = {.out = out, .err = 0};
    hr_html(&h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n");
    hr_page_head(&h, status);
    hr_html(&h, "<style>");
    hr_html_verbatim(&h, hr_page_css);
    hr_html(&h, "</style>\n</head>\n<body>\n");
    hr_page_header(&h, status);
    hr_html(&h, "<main>\n");
    hr_page_phase(&h, status);
    hr_html(&h, "<div>\n");
    hr_page_services(&h, status, crashes);
    hr_page_checks(&h, status);
    hr_html(&h, "</div>\n<div>\n");
    hr_page_plugins(&h, plugins);
    hr_page_resources(&h, status);
    hr_page_crashes(&h, status, crashes);
    hr_page_webhook(&h, status);
    hr_html(&h, "</div>\n</main>\n");
    put_footer(&h, status);
    hr_html(&h, "<script>");
    hr_html_verbatim(&h, hr_page_js);
    hr_html(&h, "</script>\n</body>\n</html>\n");
    return h.err;
}
