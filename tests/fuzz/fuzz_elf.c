/* SPDX-License-Identifier: MIT
 * The reader of shared objects, on any bytes: all that a plugin's file is asked before it runs. */
#include "loader/plugin_file/descriptor.h"
#include "loader/plugin_file/elf_file.h"
#include "loader/plugin_file/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hr_descriptor d;
    struct hr_elf e;
    struct hr_why why;
    const char *wrong = NULL;
    char names[64];
    if (hr_elf_read(data, size, &e, &wrong))
        return 0;
    (void)hr_plugin_judge(&e, &why);
    (void)hr_plugin_other_exports(&e, names, sizeof(names));
    (void)hr_elf_highest_version(&e, "GLIBC_");
    (void)hr_descriptor_read(&e, &d);
    return 0;
}
