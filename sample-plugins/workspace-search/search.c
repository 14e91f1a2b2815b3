/* SPDX-License-Identifier: MIT */
#include "search.h"

#include "budget.h"
#include "kit/place.h"
#include "regex.h"
#include "report.h"
#include "scan.h"
#include "walk.h"
#include <errno.h>
#include <unistd.h>

static handrail_status bad_start(const struct kit_call *c, const char *root, const char *path,
                                 int error)
{
    const char *why = kit_place_why(error);

    if (error == ENOMEM)
        return HANDRAIL_E_NOMEM;
    if (error == EISNAM)
        why = "it is neither a folder nor a regular file";
    else if (error == ENOENT || error == ENOTDIR)
        why = "there is no such folder or file: search a folder above it";
    return kit_fail(c, HANDRAIL_E_INVALID, "path \"%.300s\" below %.300s cannot be searched: %s",
                    path, root, why);
}

/* Search file after file.  0, also if the budget ended it; -ENOMEM. */
static int search_files(struct ws_walk *walk, struct ws_scan *scan)
{
    const char *path = NULL;
    int fd = -1;
    int rc;

    while ((rc = ws_walk_next(walk, &path, &fd)) > 0) {
        rc = ws_scan_file(scan, path, fd);
        close(fd);
        if (rc == -ENOMEM || rc == -EINTR)
            break;
        if (rc < 0)
            ws_walk_unreadable(walk, path, -rc);
    }
    return rc == -ENOMEM ? rc : 0;
}

static handrail_status answer(struct ws_report *report, const struct ws_walk *walk,
                              const struct ws_report_end *end, int rc)
{
    const struct kit_call *c = &report->budget->call;
    struct ws_report_end full = *end;

    if (rc < 0)
        return kit_fail(c, HANDRAIL_E_NOMEM, "out of memory after %zu files",
                        report->files_searched);
    if (report->budget->stop == WS_STOP_CANCELLED)
        return kit_fail(c, HANDRAIL_E_CANCELLED, "cancelled after %zu files",
                        report->files_searched);
    full.stopped_in = walk->current;
    full.first_error = walk->first_error;
    full.unreadable = walk->unreadable;
    return ws_report_send(report, &full);
}

static handrail_status search_below(const struct kit_call *c, const struct ws_settings *settings,
                                    const struct ws_args *args, struct ws_regex *regex,
                                    struct ws_budget *budget, int root_fd)
{
    struct ws_report_end end = {
        .settings = settings, .path = args->path, .line_break = ws_regex_wants_line_break(regex)};
    struct ws_scan scan = {.buffer = NULL};
    struct ws_report report;
    struct ws_walk walk;
    handrail_status status;

    int rc = ws_report_start(&report, budget, args->max_results);
    int start = ws_walk_start(&walk, root_fd, args->path, args->glob, budget);
    if (start < 0) {
        status = bad_start(c, settings->root, args->path, -start);
    } else {
        if (rc == 0)
            rc = ws_scan_start(&scan, regex, &report, (size_t)settings->max_file_bytes);
        if (rc == 0)
            rc = search_files(&walk, &scan);
        status = answer(&report, &walk, &end, rc);
    }
    ws_scan_free(&scan);
    ws_walk_free(&walk);
    ws_report_free(&report);
    return status;
}

handrail_status ws_search(const struct kit_call *c, const struct ws_settings *settings,
                          const struct ws_args *args)
{
    struct ws_budget budget;
    struct ws_regex *regex = NULL;
    int root_fd = -1;

    ws_budget_start(&budget, c, settings);
    handrail_status status = ws_regex_new(c, args, &budget, &regex);
    if (status != HANDRAIL_OK)
        return status;
    status = kit_place_open(c, settings->root, &root_fd);
    if (status == HANDRAIL_OK)
        status = search_below(c, settings, args, regex, &budget, root_fd);
    if (root_fd >= 0)
        close(root_fd);
    ws_regex_free(regex);
    return status;
}
