/* SPDX-License-Identifier: MIT
 * What the orders of the control socket (control.h) do. */
#ifndef HR_SUPERVISOR_ORDERS_H
#define HR_SUPERVISOR_ORDERS_H

struct hr_supervisor;

/* Open the socket; without it handrail runs on. */
void hr_orders_init(struct hr_supervisor *sup);
void hr_orders_end(struct hr_supervisor *sup);

#endif
