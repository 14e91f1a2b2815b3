/* SPDX-License-Identifier: MIT
 * handrail-toolhost.  See program.h. */
#include "program.h"

int main(int argc, char **argv)
{
    hr_toolhost_program(argc, argv);
}
