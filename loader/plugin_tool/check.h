/* SPDX-License-Identifier: MIT
 * handrail plugin check: the cases.  Each is run in a process of its own, forked from ours, which
 * may start toolhosts, or load the plugin itself; whatever happens to it is the case's result.
 *
 * A case says what it found with hr_found() and returns that.  One that works through many tools or
 * starts gets its time for each of them: hr_goes_on(). */
#ifndef HR_PLUGIN_TOOL_CHECK_H
#define HR_PLUGIN_TOOL_CHECK_H

#include "loader/plugin_file/elf_file.h"
#include "loader/plugin_file/file.h"
#include "options.h"
#include "run.h"
#include "sample.h"
#include "target.h"

#include <stdbool.h>

enum hr_verdict {
    HR_CASE_OK,
    HR_CASE_FAILED,
    HR_CASE_WARNED,  /* allowed, and doubtful */
    HR_CASE_SKIPPED, /* does not apply, or cannot be tried */
    HR_CASE_GOES_ON, /* none yet; see hr_goes_on() */
};

enum { HR_FINDING_MAX = 1024 };

struct hr_check {
    const struct hr_plugin_options *options;
    const struct hr_target *target;
    char finding[HR_FINDING_MAX]; /* why; "" if there is nothing to say */
    size_t bar;                   /* 1 + where in it the words of hr_barred() begin; 0: none */
    int out;                      /* of the case's process, for its answer */
};

struct hr_case {
    const char *name;
    const char *what; /* for people: what has to be true */
    enum hr_verdict (*function)(struct hr_check *c);
};

/* The cases of each file, and how many. */
extern const struct hr_case hr_cases_file[];
extern const size_t hr_ncases_file;
extern const struct hr_case hr_cases_load[];
extern const size_t hr_ncases_load;
extern const struct hr_case hr_cases_inside[];
extern const size_t hr_ncases_inside;
extern const struct hr_case hr_cases_phase[];
extern const size_t hr_ncases_phase;
extern const struct hr_case hr_cases_calls[];
extern const size_t hr_ncases_calls;

enum hr_verdict hr_found(struct hr_check *c, enum hr_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Failed, for a reason that has nothing to do with the case: it is said of the first case that
 * meets it, and the others cannot be tried. */
enum hr_verdict hr_barred(struct hr_check *c, const char *before, const char *why);

/* From the case's process: another step begins. */
void hr_goes_on(const struct hr_check *c);

/* The next line of its output that the toolhost has not written; false: none. */
bool hr_foreign_line(struct hr_run *r, char *line, size_t size);

/* Start the plugin; false after having said why not. */
bool hr_check_start(struct hr_check *c, int host_minor, struct hr_run *r);

/* Arguments for a tool of r: what the author has given, else made up.  JSON text, the caller's to
 * free; NULL: none can be made. */
char *hr_check_arguments(const struct hr_check *c, const struct hr_run *r, size_t tool,
                         enum hr_sample kind);

/* For each tool with arguments of that kind: what f says, until it is not HR_CASE_OK.  Skipped if
 * there is none. */
typedef enum hr_verdict hr_tool_case(struct hr_check *c, struct hr_run *r, size_t tool,
                                     const char *args);
enum hr_verdict hr_each_tool(struct hr_check *c, struct hr_run *r, enum hr_sample kind,
                             hr_tool_case *f);

const char *hr_tool_name(const struct hr_run *r, size_t tool);

#endif
