/* SPDX-License-Identifier: MIT
 * Dockerfiles of any bytes: what is read of them stands where it says, and every rule bears it. */
#include "loader/image/lint/dockerfile.h"
#include "loader/image/lint/lint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(bool is)
{
    if (!is)
        abort();
}

static void check_words(const struct hr_words *words, uint32_t first, uint32_t last)
{
    for (size_t i = 0; i < words->n; i++) {
        want(words->at[i].text != NULL);
        want(words->at[i].line >= first && words->at[i].line <= last && words->at[i].column > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hr_dockerfile d;
    struct hr_report report;
    if (hr_dockerfile_parse(&d, (const char *)data, size) == 0) {
        uint32_t last = 0;
        for (size_t i = 0; i < d.ninstructions; i++) {
            const struct hr_instruction *in = &d.instructions[i];
            want(in->line > last && in->last_line >= in->line);
            last = in->last_line;
            check_words(&in->flags, in->line, last);
            check_words(&in->words, in->line, last);
            for (size_t k = 0; k < in->nheredocs; k++)
                want(strlen(in->heredocs[k].body) <= size);
        }
    }
    hr_dockerfile_free(&d);

    hr_report_init(&report, "lint");
    (void)hr_lint_text(&report, "Dockerfile", NULL, NULL, (const char *)data, size);
    hr_report_free(&report);
    return 0;
}
