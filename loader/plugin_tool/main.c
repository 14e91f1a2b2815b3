/* SPDX-License-Identifier: MIT
 * handrail-plugin.  See program.h. */
#include "program.h"

int main(int argc, char **argv)
{
    return hr_plugin_tool_program(argc, argv);
}
