/* SPDX-License-Identifier: MIT
 * handrail-image.  See program.h. */
#include "program.h"

int main(int argc, char **argv)
{
    return hr_image_program(argc, argv);
}
