/* SPDX-License-Identifier: MIT
 * Checking a specification.  See spec.h. */
#include "spec.h"

#include "common/buf.h"
#include "common/fd.h"
#include "common/handoff.h"
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int hr_spec_check_text(const char *file, const char *text, size_t n, struct hr_report *r)
{
    struct hr_yaml *y = NULL;
    struct hr_spec s = {.file = file, .report = r};
    int err = hr_yaml_read(file, text, n, r, &y);
    if (err == -ENOMEM) {
        (void)fprintf(stderr, "handrail %s: %s: out of memory\n", r->command, file);
        return HR_EXIT_SOFTWARE;
    }
    if (err)
        return 0;
    s.root = y->root;
    hr_spec_fill(&s);
    hr_spec_judge_fields(&s);
    hr_spec_judge_ports(&s);
    hr_spec_judge_environment(&s);
    hr_yaml_free(y);
    return 0;
}

enum { CHUNK = 4096 /* bytes: hr_read_fd() takes no less into a buffer */ };

/* Of a file that is too large, just enough to see that.  0 or -errno. */
static int read_file(const char *file, struct hr_buf *text)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int err = fd < 0 ? -errno : fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    if (!err)
        err = hr_read_fd(fd, text);
    hr_close(&fd);
    return err == -E2BIG ? 0 : err;
}

int hr_spec_check(const char *file, struct hr_report *r)
{
    struct hr_buf text;
    hr_buf_init(&text, HR_YAML_BYTES_MAX + CHUNK);
    int err = read_file(file, &text);
    int code = HR_REPORT_EXIT_NO_INPUT;
    if (err)
        (void)fprintf(stderr, "handrail %s: cannot read %s: %s\n", r->command, file,
                      strerror(-err));
    else
        code = hr_spec_check_text(file, hr_buf_str(&text), text.len, r);
    hr_buf_free(&text);
    return code;
}
