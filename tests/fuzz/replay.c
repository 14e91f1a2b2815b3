/* SPDX-License-Identifier: MIT
 * Runs a fuzz target over the files of its corpus, with any compiler: what was once found stays
 * found.  Fails if there is nothing to run. */
#include "common/buf.h"
#include "common/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 * 1024 * 1024 };

int main(int argc, char **argv)
{
    int runs = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        const struct dirent *entry = NULL;
        while (dir && (entry = readdir(dir))) {
            struct hr_buf b;
            int fd = entry->d_name[0] == '.' ? -1 : openat(dirfd(dir), entry->d_name, O_RDONLY);
            if (fd < 0)
                continue;
            hr_buf_init(&b, INPUT_MAX);
            if (hr_read_fd(fd, &b) == 0) {
                (void)LLVMFuzzerTestOneInput((const uint8_t *)hr_buf_str(&b), b.len);
                runs++;
            }
            hr_buf_free(&b);
            hr_close(&fd);
        }
        if (dir)
            (void)closedir(dir);
    }
    (void)printf("%d inputs\n", runs);
    return runs ? 0 : 1;
}
