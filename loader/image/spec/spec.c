/* SPDX-License-Identifier: MIT
 * Checking a specification.  See spec.h. */
#include "spec.h"

#include "common/buf.h"
#include "common/fd.h"
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(HR_SPEC_TEXT_MAX >= HR_YAML_BYTES_MAX + 4096, "a file that is too large is seen");

int hr_spec_read(const char *file, struct hr_buf *text)
{
    struct stat st;
    bool in = strcmp(file, "-") == 0;
    int fd = in ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int err = fd < 0 || fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    if (!err)
        err = hr_read_fd(fd, text);
    if (!in)
        hr_close(&fd);
    return err == -E2BIG ? 0 : err;
}

int hr_spec_check(const char *file, const char *text, size_t n, const struct hr_spec_place *place,
                  struct hr_report *r)
{
    struct hr_yaml *y = NULL;
    struct hr_spec s = {.file = file, .report = r};
    int err = hr_yaml_read(file, text, n, r, &y);
    if (err)
        return err == -ENOMEM ? err : 0; /* the rest is in the report */
    s.root = y->root;
    if (hr_spec_fill(&s)) {
        hr_spec_judge_fields(&s);
        hr_spec_judge_ports(&s);
        err = hr_spec_judge_environment(&s);
        if (place)
            hr_spec_hold(&s, place);
    }
    hr_yaml_free(y);
    return err;
}
