/* SPDX-License-Identifier: MIT
 * The tool registry's parser, on any bytes. */
#include "common/log.h"
#include "loader/config/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hr_config c;
    hr_log_init("fuzz", HR_LOG_NONE); /* its messages are not the point */
    c = (struct hr_config){0};
    (void)hr_registry_parse("fuzz", (const char *)data, size, &c);
    hr_config_free(&c);
    return 0;
}
